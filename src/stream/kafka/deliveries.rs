//! What librdkafka says of a producer while it works.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use super::client::Complaints;

/// Notes why the first record that could not be delivered was not, and its topic; and whether a connection broke.
#[derive(Default)]
pub(super) struct Deliveries {
    failed: Mutex<Option<(RDKafkaErrorCode, String)>>,
    complaints: Complaints,
    lost_a_connection: AtomicBool,
}

impl Deliveries {
    /// The first failure since it was last taken.
    pub(super) fn take(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a connection over which requests went broke in the life of this producer.
    pub(super) fn lost_a_connection(&self) -> bool {
        self.lost_a_connection.load(Ordering::Relaxed)
    }
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.say("producer", &error, reason);
    }

    /// The log is the only place where librdkafka tells of every broken connection, and in debug messages only (`debug=broker`): others pass over
    /// the second of two that break alike within 30 s, and over those that it closes itself to follow a coordinator. It says so before
    /// it sends again what was not answered. In other states than these two only the connection itself is talked about, and over those to the
    /// addresses of `kafka.brokers`, which it closes as soon as it knows the brokers' own names, it only asks for these.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        let is_used = ["in state UP", "in state REAUTH"].iter().any(|state| message.contains(state));
        if facility == "FAIL" && is_used && !message.contains("/bootstrap: ") {
            self.lost_a_connection.store(true, Ordering::Relaxed);
        }
        tracing::trace!(client = "producer", facility, message, "librdkafka");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if let (None, Some(code)) = (&*failed, error.rdkafka_error_code()) {
                *failed = Some((code, message.topic().to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_was_used_and_broke_is_noticed_and_no_other() {
        for (facility, message, is_lost) in [
            ("FAIL", "[thrd:k:9092/1]: k:9092/1: Disconnected (after 1023ms in state UP) (_TRANSPORT)", true),
            (
                "FAIL",
                "[thrd:k:9092/1]: k:9092/1: Connection reset by peer (after 9ms in state REAUTH) (_TRANSPORT)",
                true,
            ),
            (
                "FAIL",
                "[thrd:TxnCoordinator]: TxnCoordinator/1: k:9092: Closing it (after 61ms in state UP) (_TRANSPORT)",
                true,
            ),
            (
                "FAIL",
                "[thrd:TxnCoordinator]: TxnCoordinator/1: k:9092: Closing it (after 61ms in state TRY_CONNECT)",
                false,
            ),
            (
                "FAIL",
                "[thrd:k:9092/bootstrap]: k:9092/bootstrap: Decommissioning this broker (after 6ms in state UP)",
                false,
            ),
            (
                "FAIL",
                "[thrd:k:9092/bootstrap]: k:9092/bootstrap: Broker handle is terminating (after 1ms in state INIT)",
                false,
            ),
            ("BROKER", "[thrd:k:9092/1]: k:9092/1: something in state UP", false),
        ] {
            let deliveries = Deliveries::default();
            deliveries.log(RDKafkaLogLevel::Debug, facility, message);
            assert_eq!(deliveries.lost_a_connection(), is_lost, "{message}");
        }
    }
}
