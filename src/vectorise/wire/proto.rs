//! The messages as they stand in `deploy/schemas/tallies.proto`, field by field.

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Flush {
    #[prost(string, repeated, tag = "1")]
    pub(in crate::vectorise) topics: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(in crate::vectorise) roster: Vec<Roster>,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::vectorise) cells: Vec<Cell>,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::vectorise) progress: Vec<Progress>,
    #[prost(message, repeated, tag = "5")]
    pub(in crate::vectorise) cuts: Vec<Cut>,
    #[prost(sint64, optional, tag = "6")]
    pub(in crate::vectorise) live_from_ms: Option<i64>,
    #[prost(message, repeated, tag = "7")]
    pub(in crate::vectorise) history_ends: Vec<HistoryEnd>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct HistoryEnd {
    #[prost(uint32, tag = "1")]
    pub(in crate::vectorise) topic: u32,
    #[prost(int32, tag = "2")]
    pub(in crate::vectorise) partition: i32,
    #[prost(int64, tag = "3")]
    pub(in crate::vectorise) end: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Cut {
    #[prost(uint32, tag = "1")]
    pub(in crate::vectorise) topic: u32,
    #[prost(int32, tag = "2")]
    pub(in crate::vectorise) partition: i32,
    #[prost(sint64, optional, tag = "3")]
    pub(in crate::vectorise) complete_until_ms: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Roster {
    #[prost(uint32, tag = "1")]
    pub(in crate::vectorise) topic: u32,
    #[prost(uint32, tag = "2")]
    pub(in crate::vectorise) partitions: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Progress {
    #[prost(uint32, tag = "1")]
    pub(in crate::vectorise) topic: u32,
    #[prost(int32, tag = "2")]
    pub(in crate::vectorise) partition: i32,
    #[prost(int64, tag = "3")]
    pub(in crate::vectorise) from: i64,
    #[prost(int64, tag = "4")]
    pub(in crate::vectorise) to: i64,
    #[prost(sint64, optional, tag = "5")]
    pub(in crate::vectorise) complete_until_ms: Option<i64>,
    #[prost(bool, tag = "6")]
    pub(in crate::vectorise) idle: bool,
    #[prost(uint64, tag = "7")]
    pub(in crate::vectorise) lines: u64,
    #[prost(uint64, tag = "8")]
    pub(in crate::vectorise) continuations: u64,
    #[prost(uint64, tag = "9")]
    pub(in crate::vectorise) rejects: u64,
    #[prost(uint64, tag = "10")]
    pub(in crate::vectorise) empty: u64,
    #[prost(uint64, tag = "11")]
    pub(in crate::vectorise) late: u64,
    #[prost(uint64, tag = "12")]
    pub(in crate::vectorise) clamped: u64,
    #[prost(string, tag = "13")]
    pub(in crate::vectorise) clock: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Cell {
    #[prost(sint64, tag = "1")]
    pub(in crate::vectorise) second: i64,
    #[prost(string, optional, tag = "2")]
    pub(in crate::vectorise) environment: Option<String>,
    #[prost(string, tag = "3")]
    pub(in crate::vectorise) service: String,
    #[prost(uint64, repeated, tag = "4")]
    pub(in crate::vectorise) lines: Vec<u64>,
    #[prost(uint64, tag = "5")]
    pub(in crate::vectorise) continuations: u64,
    #[prost(uint64, tag = "6")]
    pub(in crate::vectorise) late: u64,
    #[prost(uint64, tag = "7")]
    pub(in crate::vectorise) other_lines: u64,
    #[prost(uint64, repeated, tag = "8")]
    pub(in crate::vectorise) by_kafka_time: Vec<u64>,
    #[prost(message, repeated, tag = "9")]
    pub(in crate::vectorise) templates: Vec<Template>,
    #[prost(message, repeated, tag = "10")]
    pub(in crate::vectorise) hosts: Vec<Host>,
    #[prost(message, repeated, tag = "11")]
    pub(in crate::vectorise) ranges: Vec<Range>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Template {
    #[prost(fixed64, tag = "1")]
    pub(in crate::vectorise) id: u64,
    #[prost(uint64, repeated, tag = "2")]
    pub(in crate::vectorise) lines: Vec<u64>,
    #[prost(uint64, tag = "3")]
    pub(in crate::vectorise) late: u64,
    #[prost(uint32, tag = "4")]
    pub(in crate::vectorise) late_level: u32,
    #[prost(string, optional, tag = "5")]
    pub(in crate::vectorise) skeleton: Option<String>,
    #[prost(message, optional, tag = "6")]
    pub(in crate::vectorise) sample: Option<Sample>,
    #[prost(message, repeated, tag = "7")]
    pub(in crate::vectorise) slots: Vec<Sketch>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Sample {
    #[prost(sint64, tag = "1")]
    pub(in crate::vectorise) time_ms: i64,
    #[prost(uint32, tag = "2")]
    pub(in crate::vectorise) topic: u32,
    #[prost(int32, tag = "3")]
    pub(in crate::vectorise) partition: i32,
    #[prost(int64, tag = "4")]
    pub(in crate::vectorise) offset: i64,
    #[prost(string, tag = "5")]
    pub(in crate::vectorise) text: String,
    #[prost(bool, tag = "6")]
    pub(in crate::vectorise) truncated: bool,
    #[prost(string, optional, tag = "7")]
    pub(in crate::vectorise) host: Option<String>,
    #[prost(fixed64, tag = "8")]
    pub(in crate::vectorise) text_hash: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Sketch {
    #[prost(uint32, repeated, tag = "1")]
    pub(in crate::vectorise) keys: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    pub(in crate::vectorise) counts: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Host {
    #[prost(string, tag = "1")]
    pub(in crate::vectorise) host: String,
    #[prost(uint64, tag = "2")]
    pub(in crate::vectorise) lines: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::vectorise) struct Range {
    #[prost(uint32, tag = "1")]
    pub(in crate::vectorise) topic: u32,
    #[prost(int32, tag = "2")]
    pub(in crate::vectorise) partition: i32,
    #[prost(int64, tag = "3")]
    pub(in crate::vectorise) first: i64,
    #[prost(int64, tag = "4")]
    pub(in crate::vectorise) length: i64,
}
