//! The admin pages: `/livez`, `/readyz`, `/metrics`, `/status`. They only show; nothing can be changed through them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::{Stop, View};

#[derive(Clone)]
struct Pages {
    view: Arc<View>,
    metrics: PrometheusHandle,
    stop: Stop,
}

/// Serves the pages until the process ends. Returns the address that is listened on.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    view: Arc<View>,
    metrics: PrometheusHandle,
    stop: Stop,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .route("/status", get(status))
        .with_state(Pages { view, metrics, stop });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "admin pages ended");
        }
    });
    Ok(bound)
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

async fn status(State(pages): State<Pages>) -> Response {
    axum::Json(pages.view.status()).into_response()
}
