//! The only unsafe code: two calls of librdkafka that `rdkafka` 0.39 does not offer.
//!
//! *Why flush*: rdkafka's own flush waits in steps of 100 ms, so a transaction of one record would take 100 ms instead of
//! 5 (measured; `benches/README.md`). *Why the member id*: a consumer that is between two memberships has none, and a broker
//! accepts offsets from a nobody; and who was put out and came back has another one (see [`super::log`]).
//!
//! *Proof*: both take the pointer of a client that is borrowed for the length of the call, so it is alive and not
//! closed; librdkafka's functions may be called from any thread. The group metadata and its member id are read before the
//! metadata, which this module owns, is destroyed, and nothing of it escapes.

use std::ffi::CStr;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka_sys as sys;

/// Waits until everything was delivered, at most this long, without the producer's linger. Returns whether it was.
pub(super) fn flush<C: ProducerContext>(producer: &ThreadedProducer<C>, timeout: Duration) -> bool {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the producer is borrowed, so its client is alive for the call; see the module.
    let result = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), timeout_ms) };
    result == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// As which member the consumer is in its group now; `None` where it is in none.
pub(super) fn member_id<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Option<String> {
    // SAFETY: the consumer is borrowed, so its client is alive; the metadata is ours until it is destroyed, and the
    // member id, which it owns, is copied before that.
    let id = unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return None;
        }
        let id = sys::rd_kafka_consumer_group_metadata_member_id(metadata);
        let id = if id.is_null() { None } else { Some(CStr::from_ptr(id).to_string_lossy().into_owned()) };
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        id
    };
    id.filter(|id| !id.is_empty())
}
