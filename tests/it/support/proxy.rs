//! The network between the instances and the broker, and what can happen to it.
//!
//! It knows as much of Kafka's protocol as is the same in every version: a frame is a length of four bytes; a request then has its
//! API key, the version and a number, an answer that number; the answers of a connection are in the order of its requests.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// Requests by their API keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Produce = 0,
    JoinGroup = 11,
    SyncGroup = 14,
    AddPartitions = 24,
    AddOffsets = 25,
    EndTransaction = 26,
    CommitOffsets = 28,
}

/// Where a message is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The broker never sees the request.
    Request,
    /// The broker has done what was asked, and nobody learns of it.
    Answer,
    /// The connection breaks at once, and the broker reads the request when this is dropped: later than what was sent in its place.
    Straggler,
    /// The connection stands still, and goes on when this is dropped.
    Late,
}

/// A message that does not arrive, or late. Its connection stands still until this is dropped, and then breaks, where [`Side`] says nothing else.
pub struct Caught {
    /// The request.
    pub request: Vec<u8>,
    _release: Sender<()>,
}

struct Trap {
    api: Api,
    side: Side,
    part: Vec<u8>,
    caught: Sender<Caught>,
}

struct Shared {
    broker: String,
    trap: Mutex<Option<Trap>>,
    unknowing: Mutex<Option<Vec<u8>>>,
    connections: Mutex<Vec<Weak<TcpStream>>>,
    holds: AtomicBool,
    delay_ms: AtomicU64,
}

/// A proxy on loopback.
pub struct Proxy {
    listener: TcpListener,
    address: String,
}

/// A proxy that works.
pub struct Network {
    shared: Arc<Shared>,
}

impl Proxy {
    /// One that has an address and does nothing yet: the broker has to know the address before it starts.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { listener, address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Connects everybody who comes to this broker, until the tests end.
    pub fn serve(self, broker: String) -> Network {
        let shared = Arc::new(Shared {
            broker,
            trap: Mutex::default(),
            unknowing: Mutex::default(),
            connections: Mutex::default(),
            holds: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in self.listener.incoming().flatten() {
                // A broker that is away refuses; so does the proxy.
                if let Ok(broker) = TcpStream::connect(&serving.broker) {
                    connect(&serving, client, broker);
                }
            }
        });
        Network { shared }
    }
}

impl Network {
    /// Waits for the next message of this kind that has these bytes in its request, and lets it not arrive.
    pub fn catch(&self, api: Api, side: Side, part: &[u8], limit: Duration) -> Option<Caught> {
        let (sender, caught) = channel();
        *self.shared.trap.lock().unwrap() = Some(Trap { api, side, part: part.to_owned(), caught: sender });
        let found = caught.recv_timeout(limit).ok();
        *self.shared.trap.lock().unwrap() = None;
        // One may have gone into the trap while it was taken away.
        found.or_else(|| caught.try_recv().ok())
    }

    /// Until this is dropped nobody but who writes them knows the partitions of the transactions of a client with these bytes in its requests, though
    /// it is told that they are known: they are never ended there, as where a coordinator loses the ends (brokers that verify transactions take
    /// no records of these).
    pub fn keep_unknowing(&self, part: &[u8]) -> Unknowing<'_> {
        *self.shared.unknowing.lock().unwrap() = Some(part.to_owned());
        Unknowing(&self.shared)
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        for connection in self.shared.connections.lock().unwrap().drain(..).filter_map(|weak| weak.upgrade()) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Nothing passes, and no connection breaks, for this long.
    pub fn hold(&self, time: Duration) {
        self.shared.holds.store(true, Ordering::Relaxed);
        std::thread::sleep(time);
        self.shared.holds.store(false, Ordering::Relaxed);
    }

    /// Each message takes this much longer, for a while.
    pub fn slow(&self, delay: Duration, time: Duration) {
        self.shared.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
        std::thread::sleep(time);
        self.shared.delay_ms.store(0, Ordering::Relaxed);
    }
}

/// See [`Network::keep_unknowing`].
pub struct Unknowing<'a>(&'a Shared);

impl Drop for Unknowing<'_> {
    fn drop(&mut self) {
        *self.0.unknowing.lock().unwrap() = None;
    }
}

impl Shared {
    fn pass(&self) {
        std::thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed)));
        while self.holds.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What is answered to a request that never reaches the broker, because it is kept unknowing.
    fn answer_of_nobody(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let part = self.unknowing.lock().unwrap().clone()?;
        let key = frame.get(4..6)?;
        let [partitions, offsets] = [Api::AddPartitions, Api::AddOffsets].map(|api| key == (api as i16).to_be_bytes());
        if !(partitions || offsets) || !frame.windows(part.len()).any(|bytes| bytes == part) {
            return None;
        }
        assert_eq!(frame.get(6..8), Some(&[0, 0][..]), "librdkafka speaks version 0 of both");
        let mut body = frame.get(8..12)?.to_vec();
        body.extend([0; 4]);
        body.extend(if partitions { all_known(frame) } else { vec![0, 0] });
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        Some([&length[..], &body].concat())
    }

    /// Takes the trap, if this request goes into it.
    fn trap(&self, frame: &[u8]) -> Option<Trap> {
        let mut trap = self.trap.lock().unwrap();
        let is_it = trap.as_ref().is_some_and(|trap| {
            frame.get(4..6) == Some(&(trap.api as i16).to_be_bytes()[..])
                && frame.windows(trap.part.len().max(1)).any(|part| part == trap.part)
        });
        if is_it { trap.take() } else { None }
    }
}

impl Trap {
    /// Hands the message over and waits until it was looked at.
    fn spring(self, request: Vec<u8>) {
        let (release, released): (Sender<()>, Receiver<()>) = channel();
        if self.caught.send(Caught { request, _release: release }).is_ok() {
            let _ = released.recv();
        }
    }
}

/// The trap whose answer is awaited on a connection, its request, and the number that both have.
type Awaited = Mutex<Option<(Trap, Vec<u8>)>>;

fn connect(shared: &Arc<Shared>, client: TcpStream, broker: TcpStream) {
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let (client, broker) = (Arc::new(client), Arc::new(broker));
    {
        let mut connections = shared.connections.lock().unwrap();
        connections.retain(|connection| connection.strong_count() > 0);
        connections.extend([&client, &broker].map(Arc::downgrade));
    }
    let (to_client, to_broker) = (Arc::clone(&client), Arc::clone(&broker));
    let awaited: Arc<(AtomicI32, Awaited)> = Arc::new((AtomicI32::new(-1), Mutex::default()));
    let (of_requests, of_answers) = (Arc::clone(shared), Arc::clone(shared));
    let answers_awaited = Arc::clone(&awaited);
    std::thread::spawn(move || {
        let answered = |frame: &[u8]| of_requests.answer_of_nobody(frame).map(|answer| (&*client).write_all(&answer));
        forward(&of_requests, &client, &to_broker, answered, |frame| match of_requests.trap(frame) {
            Some(trap) if trap.side == Side::Request => {
                trap.spring(frame.to_vec());
                false
            }
            Some(trap) if matches!(trap.side, Side::Straggler | Side::Late) => {
                if trap.side == Side::Straggler {
                    let _ = client.shutdown(Shutdown::Both);
                }
                trap.spring(frame.to_vec());
                true
            }
            Some(trap) => {
                *awaited.1.lock().unwrap() = Some((trap, frame.to_vec()));
                awaited.0.store(number(frame, 8), Ordering::Release);
                true
            }
            None => true,
        });
    });
    std::thread::spawn(move || {
        forward(
            &of_answers,
            &broker,
            &to_client,
            |_| None,
            |frame| {
                if answers_awaited.0.load(Ordering::Acquire) != number(frame, 4) {
                    return true;
                }
                let Some((trap, request)) = answers_awaited.1.lock().unwrap().take() else { return true };
                trap.spring(request);
                false
            },
        );
    });
}

/// Sends frames on until a connection ends or one of them may not pass. Those that are answered here stay here.
fn forward(
    shared: &Shared,
    mut from: &TcpStream,
    mut to: &TcpStream,
    answered: impl Fn(&[u8]) -> Option<std::io::Result<()>>,
    mut passes: impl FnMut(&[u8]) -> bool,
) {
    while let Ok(frame) = read_frame(&mut from) {
        shared.pass();
        if let Some(answered) = answered(&frame) {
            match answered {
                Ok(()) => continue,
                Err(_) => break,
            }
        }
        if !passes(&frame) || to.write_all(&frame).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn read_frame(from: &mut &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame)?;
    let length = u64::try_from(number(&frame, 0)).map_err(std::io::Error::other)?;
    if from.take(length).read_to_end(&mut frame)? as u64 != length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(frame)
}

/// The topics and partitions of a request that adds them to a transaction, each with no error.
fn all_known(frame: &[u8]) -> Vec<u8> {
    let string = |at: usize| 2 + usize::from(u16::from_be_bytes(frame[at..at + 2].try_into().unwrap()));
    let count = |at: usize| usize::try_from(number(frame, at)).unwrap();
    let mut at = 12 + string(12);
    at += string(at) + 8 + 2;
    let (topics, mut known) = (count(at), frame[at..at + 4].to_vec());
    at += 4;
    for _ in 0..topics {
        let name = string(at);
        let partitions = count(at + name);
        known.extend_from_slice(&frame[at..at + name + 4]);
        at += name + 4;
        for _ in 0..partitions {
            known.extend_from_slice(&frame[at..at + 4]);
            known.extend([0, 0]);
            at += 4;
        }
    }
    known
}

fn number(frame: &[u8], at: usize) -> i32 {
    frame.get(at..at + 4).map_or(-2, |bytes| i32::from_be_bytes(bytes.try_into().unwrap()))
}
