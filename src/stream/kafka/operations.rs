//! What the brokers let this client do with topics and groups: `DescribeTopics` and `DescribeConsumerGroups` with
//! `include_authorized_operations` (KIP-430), which `rdkafka` 0.39 does not offer. No other question shows the right to write
//! without writing.
//!
//! *Proof*: the client is borrowed for the length of a call, so its pointer is alive. Queue, options, topics and event are made
//! and destroyed here, each once, in [`Answer`]'s and [`Question`]'s `drop`; librdkafka copies names and options when it is asked.
//! What an event holds is read before the event is destroyed, and copied: nothing of it escapes. Operations are read as integers, for
//! a number that this version of the bindings does not know must not become a Rust `enum`. Null pointers are not followed.

use std::ffi::{CString, c_char};
use std::ptr;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

/// Operations of the protocol, by their numbers there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Operations(Vec<u32>);

impl Operations {
    pub(super) fn can_read(&self) -> bool {
        self.0.contains(&(sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ as u32))
    }

    pub(super) fn can_write(&self) -> bool {
        self.0.contains(&(sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE as u32))
    }
}

/// What may be done with one topic or group, or why that is not said.
pub(super) type Allowed = Result<Operations, RDKafkaErrorCode>;

/// What may be done with these topics, in their order.
///
/// # Errors
/// Where no broker answers within the time.
pub(super) fn on_topics<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> Result<Vec<Allowed>, RDKafkaErrorCode> {
    let names = c_names(topics);
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let question = Question::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
    // SAFETY: see the module.
    unsafe {
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        sys::rd_kafka_DescribeTopics(client.native_ptr(), collection, question.options, question.queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
        let answer = question.wait(timeout)?;
        let (mut count, mut found) = (0, Vec::new());
        let described = sys::rd_kafka_DescribeTopics_result_topics(
            sys::rd_kafka_event_DescribeTopics_result(answer.0),
            &raw mut count,
        );
        for index in 0..if described.is_null() { 0 } else { count } {
            let one = *described.add(index);
            let code = sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(one));
            let mut operations = 0;
            let first = sys::rd_kafka_TopicDescription_authorized_operations(one, &raw mut operations);
            found.push(allowed(code, first.cast(), operations));
        }
        Ok(found)
    }
}

/// What may be done with these groups, in their order; they need not exist.
///
/// # Errors
/// Where no broker answers within the time.
pub(super) fn on_groups<C: ClientContext>(
    client: &Client<C>,
    groups: &[&str],
    timeout: Duration,
) -> Result<Vec<Allowed>, RDKafkaErrorCode> {
    let names = c_names(groups);
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let question = Question::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout);
    // SAFETY: see the module.
    unsafe {
        let (names, options, queue) = (pointers.as_mut_ptr(), question.options, question.queue);
        sys::rd_kafka_DescribeConsumerGroups(client.native_ptr(), names, pointers.len(), options, queue);
        let answer = question.wait(timeout)?;
        let (mut count, mut found) = (0, Vec::new());
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(answer.0);
        let described = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        for index in 0..if described.is_null() { 0 } else { count } {
            let one = *described.add(index);
            let code = sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(one));
            let mut operations = 0;
            let first = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(one, &raw mut operations);
            found.push(allowed(code, first.cast(), operations));
        }
        Ok(found)
    }
}

/// Names with a NUL are no names of Kafka; they are asked for as if it were not there, and do not exist.
fn c_names(names: &[&str]) -> Vec<CString> {
    names.iter().map(|name| CString::new(name.replace('\0', "")).unwrap_or_default()).collect()
}

/// # Safety
/// `first` points to `count` numbers, or is null.
unsafe fn allowed(code: sys::rd_kafka_resp_err_t, first: *const u32, count: usize) -> Allowed {
    if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(code.into());
    }
    if first.is_null() {
        return Ok(Operations::default());
    }
    // SAFETY: by the contract of this function; numbers of any value are valid.
    Ok(Operations(unsafe { std::slice::from_raw_parts(first, count) }.to_vec()))
}

/// A queue for the answer to a question with these options.
struct Question {
    queue: *mut sys::rd_kafka_queue_t,
    options: *mut sys::rd_kafka_AdminOptions_t,
}

/// What came back; never null.
struct Answer(*mut sys::rd_kafka_event_t);

impl Question {
    fn new<C: ClientContext>(client: &Client<C>, kind: sys::rd_kafka_admin_op_t, timeout: Duration) -> Self {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: see the module. What the setters complain of (a time-out out of range) leaves the defaults in force.
        unsafe {
            let queue = sys::rd_kafka_queue_new(client.native_ptr());
            let options = sys::rd_kafka_AdminOptions_new(client.native_ptr(), kind);
            sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ptr::null_mut(), 0);
            let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
            Self { queue, options }
        }
    }

    fn wait(&self, timeout: Duration) -> Result<Answer, RDKafkaErrorCode> {
        // The question's own time-out answers first.
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).saturating_add(1_000);
        // SAFETY: the queue is ours and alive; the event is destroyed once, by the answer's drop.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue, timeout_ms);
            if event.is_null() {
                return Err(RDKafkaErrorCode::OperationTimedOut);
            }
            let answer = Answer(event);
            match sys::rd_kafka_event_error(event) {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(answer),
                code => Err(code.into()),
            }
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are destroyed here only.
        unsafe {
            sys::rd_kafka_AdminOptions_destroy(self.options);
            sys::rd_kafka_queue_destroy(self.queue);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the event came from the queue's poll, which gave it to us.
        unsafe { sys::rd_kafka_event_destroy(self.0) }
    }
}
