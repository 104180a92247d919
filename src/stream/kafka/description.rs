//! What the brokers tell of topics and groups: `DescribeTopics` and `DescribeConsumerGroups`, which `rdkafka` 0.39 does not offer. They say
//! what this client may do with them (`include_authorized_operations`, KIP-430; no other question shows the right to write without
//! writing), and which partitions each member of a group was given.
//!
//! *Proof*: the client is borrowed for the length of a call, so its pointer is alive. Queue, options, topics and event are made
//! and destroyed here, each once, in [`Answer`]'s and [`Question`]'s `drop`; librdkafka copies names and options when it is asked.
//! What an event holds is read before the event is destroyed, and copied: nothing of it escapes. Operations are read as integers, for
//! a number that this version of the bindings does not know must not become a Rust `enum`. Null pointers are not followed.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use crate::record::{Partition, Topic};

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

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The name that it keeps over restarts (KIP-345); empty where it has none.
    pub(super) name: String,
    /// What it was given.
    pub(super) partitions: Vec<Partition>,
}

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
    each_group(client, groups, timeout, |group| {
        let mut operations = 0;
        // SAFETY: the description is alive while this is called; see the module.
        unsafe {
            let code = sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(group));
            let first = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &raw mut operations);
            allowed(code, first.cast(), operations)
        }
    })
}

/// The members of a group; `None` where it is not at rest, so that nothing can be said of who has what, or is not told of in this way (KIP-848).
///
/// # Errors
/// Where no broker answers within the time.
pub(super) fn members_at_rest<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    timeout: Duration,
) -> Result<Option<Vec<Member>>, RDKafkaErrorCode> {
    let described = each_group(client, &[group], timeout, |group| {
        // SAFETY: the description is alive while this is called; the indices are below the count that it gives.
        unsafe {
            let code = sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(group));
            let state = sys::rd_kafka_ConsumerGroupDescription_state(group);
            let is_at_rest = code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
                && state == sys::rd_kafka_consumer_group_state_t::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE;
            is_at_rest.then(|| {
                let count = sys::rd_kafka_ConsumerGroupDescription_member_count(group);
                (0..count).map(|index| member(sys::rd_kafka_ConsumerGroupDescription_member(group, index))).collect()
            })
        }
    })?;
    Ok(described.into_iter().next().flatten())
}

/// Asks for groups, and reads the description of each in their order; it is gone after that.
fn each_group<C: ClientContext, T>(
    client: &Client<C>,
    groups: &[&str],
    timeout: Duration,
    read: impl Fn(*const sys::rd_kafka_ConsumerGroupDescription_t) -> T,
) -> Result<Vec<T>, RDKafkaErrorCode> {
    let names = c_names(groups);
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let question = Question::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout);
    // SAFETY: see the module.
    unsafe {
        let (names, options, queue) = (pointers.as_mut_ptr(), question.options, question.queue);
        sys::rd_kafka_DescribeConsumerGroups(client.native_ptr(), names, pointers.len(), options, queue);
        let answer = question.wait(timeout)?;
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(answer.0);
        let described = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        let there = if described.is_null() { 0 } else { count };
        Ok((0..there).map(|index| read(*described.add(index))).collect())
    }
}

/// # Safety
/// `member` is a description that is alive.
unsafe fn member(member: *const sys::rd_kafka_MemberDescription_t) -> Member {
    // SAFETY: by the contract of this function; the list has as many elements as it says, each with a topic's name.
    unsafe {
        let name = sys::rd_kafka_MemberDescription_group_instance_id(member);
        let name = if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() };
        let assignment = sys::rd_kafka_MemberDescription_assignment(member);
        let list =
            if assignment.is_null() { ptr::null() } else { sys::rd_kafka_MemberAssignment_partitions(assignment) };
        let mut partitions = Vec::new();
        if let Some(list) = list.as_ref() {
            for index in 0..usize::try_from(list.cnt).unwrap_or(0) {
                let one = &*list.elems.add(index);
                let topic = CStr::from_ptr(one.topic).to_string_lossy();
                partitions.push(Partition::new(Topic::new(&topic), one.partition));
            }
        }
        Member { name, partitions }
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
