//! The admin pages: `/livez`, `/readyz`, `/metrics`, `/status`. They only show; nothing can be changed through them.
//!
//! `/status` names services and what is wrong with them. So it answers on the loopback only, or to who brings `admin.token`. The
//! others have to be open to Kubernetes and Prometheus, and tell nothing of what is in the logs.
//!
//! Limits, for a port is open to everybody in its network: [`CONNECTIONS_MAX`] connections, one request each, whose head has
//! [`HEAD_BYTES_MAX`] at most; after [`CONNECTION_TIMEOUT`] a connection is cut, whatever it does. Bodies are not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Stop, View};
use crate::config::Secret;

/// How many connections are served at a time; the others wait, unanswered, until one ends.
const CONNECTIONS_MAX: usize = 64;
/// The longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a client may take to send the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a connection could not be accepted: mostly there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the pages show, and who may see it.
#[derive(Clone)]
pub struct Pages {
    view: Arc<View>,
    metrics: PrometheusHandle,
    stop: Stop,
    token: Option<Secret>,
    /// Whether only this host can ask.
    on_loopback: bool,
}

impl Pages {
    /// The pages of this process; with a token, `/status` asks for it.
    pub fn new(view: Arc<View>, metrics: PrometheusHandle, stop: Stop, token: Option<Secret>) -> Self {
        Self { view, metrics, stop, token, on_loopback: false }
    }
}

/// Serves the pages until the process ends. Returns the address that is listened on.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(address: SocketAddr, mut pages: Pages) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    pages.on_loopback = bound.ip().is_loopback();
    if !pages.on_loopback && pages.token.is_none() {
        tracing::warn!(
            "admin.listen is open to the network and admin.token is not set: /status, which names services, does not answer"
        );
    }
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .route("/status", get(status))
        .with_state(pages);
    tokio::spawn(accept(listener, router));
    Ok(bound)
}

/// Takes connections, as long as there are not too many.
async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => _ = tokio::spawn(answer(stream, router.clone(), place)),
            Err(error) => {
                tracing::debug!(%error, "admin pages: no connection accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request, in bounded time and memory.
async fn answer(stream: TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Whoever is cut off had its time; what its connection died of matters to nobody here.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}

/// Alive is who goes round, not who exists.
async fn livez(State(pages): State<Pages>) -> Response {
    match pages.view.stuck().as_slice() {
        [] => "alive\n".into_response(),
        stuck => (StatusCode::SERVICE_UNAVAILABLE, format!("stuck: {}\n", stuck.join(", "))).into_response(),
    }
}

async fn readyz(State(pages): State<Pages>) -> Response {
    if pages.stop.is_requested() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    } else if let stalled @ [_, ..] = pages.view.stalled().as_slice() {
        let stalled: Vec<String> = stalled.iter().map(ToString::to_string).collect();
        (StatusCode::SERVICE_UNAVAILABLE, format!("no progress: {}\n", stalled.join(", "))).into_response()
    } else if let undecodable @ [_, ..] = pages.view.undecodable().as_slice() {
        let undecodable: Vec<String> = undecodable.iter().map(|(partition, _)| partition.to_string()).collect();
        (StatusCode::SERVICE_UNAVAILABLE, format!("no logs: {}\n", undecodable.join(", "))).into_response()
    } else if pages.view.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "waiting for partitions, or learning from the retained tallies\n")
            .into_response()
    }
}

async fn render_metrics(State(pages): State<Pages>) -> Response {
    pages.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], pages.metrics.render()).into_response()
}

async fn status(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    match (&pages.token, authorization.and_then(|value| value.strip_prefix(b"Bearer "))) {
        (None, _) if pages.on_loopback => axum::Json(pages.view.status()).into_response(),
        (None, _) => (StatusCode::FORBIDDEN, "set admin.token to see this from beyond the loopback\n").into_response(),
        (Some(token), Some(brought)) if token.is(brought) => axum::Json(pages.view.status()).into_response(),
        (Some(_), _) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, challenge, "bring Authorization: Bearer <admin.token>\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    /// Pages on a free port of this address, served by a thread of their own.
    fn pages(address: &str, token: Option<&str>) -> SocketAddr {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let pages = Pages::new(Arc::default(), metrics, Stop::default(), token.map(Secret::new));
        let address = address.parse().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                sender.send(serve(address, pages).await.unwrap().port()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        SocketAddr::from(([127, 0, 0, 1], receiver.recv().unwrap()))
    }

    /// What comes back for these bytes until the connection ends, be it cut.
    fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn get(address: SocketAddr, path: &str, more: &str) -> String {
        ask(address, format!("GET {path} HTTP/1.1\r\nHost: here\r\n{more}\r\n").as_bytes())
    }

    #[test]
    fn the_status_is_for_the_loopback_or_for_who_brings_the_token() {
        let (local, open) = (pages("127.0.0.1:0", None), pages("0.0.0.0:0", None));
        assert!(get(local, "/status", "").starts_with("HTTP/1.1 200"));
        assert!(get(open, "/status", "").starts_with("HTTP/1.1 403"));
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let guarded = pages(address, Some("hunter2"));
            for (more, code) in [
                ("Authorization: Bearer hunter2\r\n", "200"),
                ("Authorization: Bearer hunter\r\n", "401"),
                ("Authorization: Basic hunter2\r\n", "401"),
                ("", "401"),
            ] {
                let answer = get(guarded, "/status", more);
                assert!(answer.starts_with(&format!("HTTP/1.1 {code}")) && !answer.contains("hunter2"), "{answer}");
            }
            for path in ["/livez", "/metrics"] {
                assert!(get(guarded, path, "").starts_with("HTTP/1.1 200"), "Kubernetes and Prometheus bring no token");
            }
        }
    }

    #[test]
    fn clients_that_are_slow_keep_nobody_waiting_for_long() {
        let address = pages("127.0.0.1:0", None);
        let began = Instant::now();
        let mut slow: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(|_| TcpStream::connect(address).unwrap()).collect();
        for stream in &mut slow {
            stream.write_all(b"GET /livez HTTP/1.1\r\nX: ").unwrap();
        }
        assert!(get(address, "/livez", "").starts_with("HTTP/1.1 200"));
        assert!(began.elapsed() < CONNECTION_TIMEOUT + HEAD_TIMEOUT, "{:?}", began.elapsed());
        for mut stream in slow {
            stream.set_read_timeout(Some(CONNECTION_TIMEOUT)).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
            assert!(stream.write_all(&[b'x'; 1 << 20]).is_err(), "the connection is cut");
        }
    }

    #[test]
    fn a_large_head_and_a_large_body_are_refused_unread() {
        let address = pages("127.0.0.1:0", None);
        let head = get(address, "/livez", &format!("X: {}\r\n", "x".repeat(1 << 20)));
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 431"), "{head}");
        let mut request = b"POST /status HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000000\r\n\r\n".to_vec();
        request.resize(32 << 20, b'x');
        let began = Instant::now();
        let body = ask(address, &request);
        assert!(body.is_empty() || body.starts_with("HTTP/1.1 405"), "{body}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(get(address, "/livez", "").starts_with("HTTP/1.1 200"));
    }
}
