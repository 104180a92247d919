//! Where shippers and loggers put what is wanted of a JSON object.
//!
//! One list a field, in order of precedence: the first name *of the list* wins, wherever it stands in the record. A name
//! is a path of keys joined by points, so `service.name` is found as one key and as a key within a key. Case does not
//! matter: syslog-ng writes `HOST`, Azure `Level`.

use hashbrown::HashMap;

use super::level::Scale;

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Message,
    Time,
    Service,
    Host,
    Environment,
    Level(Scale),
}

/// What is known of a path. Either may be missing: `log` holds a message or is on the way to `log.level`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Target {
    /// What a value there is for, and its rank: the smaller wins.
    pub field: Option<(Field, u8)>,
    /// Whether an object there may hold fields.
    pub has_children: bool,
}

const MESSAGE: &[&str] = &[
    "message",
    "log",
    "msg",
    "body",
    "body.stringvalue",
    "short_message",
    "event.original",
    "text",
    "textpayload",
    "jsonpayload.message",
    "jsonpayload.msg",
    "jsonpayload.log",
    "properties.log",
    "properties.message",
    "resultdescription",
    "@message",
    "line",
];

const TIME: &[&str] = &[
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "timeunixnano",
    "instant.epochsecond",
    "__realtime_timestamp",
    "isodate",
    "asctime",
    "eventtime",
    "receivetimestamp",
];

const SERVICE: &[&str] = &[
    "service.name",
    "service",
    "resource.attributes.service.name",
    "kubernetes.labels.app.kubernetes.io/name",
    "kubernetes.labels.app_kubernetes_io/name",
    "kubernetes.labels.app",
    "kubernetes.deployment.name",
    "kubernetes.container_name",
    "kubernetes.container.name",
    "container.name",
    "syslog_identifier",
    "program",
    "loggroup",
    "resource.labels.service_name",
    "resource.labels.container_name",
    "resource.labels.function_name",
    "resource.labels.job_name",
    "resource.labels.module_id",
    "name",
    "fields.service",
    "application",
];

const HOST: &[&str] = &[
    "host.name",
    "host",
    "hostname",
    "resource.attributes.host.name",
    "kubernetes.host",
    "kubernetes.node.name",
    "kubernetes.pod_node_name",
    "_hostname",
    "agent.name",
    "source_host",
    "logstream",
    "resource.labels.pod_name",
    "resource.labels.instance_id",
    "resource.labels.node_name",
];

const ENVIRONMENT: &[&str] = &[
    "service.environment",
    "deployment.environment.name",
    "deployment.environment",
    "resource.attributes.deployment.environment.name",
    "resource.attributes.deployment.environment",
    "fields.env",
    "fields.environment",
    "environment",
    "kubernetes.namespace_name",
    "kubernetes.namespace",
    "kubernetes.pod_namespace",
    "labels.env",
];

const LEVEL: &[(&str, Scale)] = &[
    ("log.level", Scale::Logger),
    ("level", Scale::Logger),
    ("severity", Scale::Logger),
    ("severitytext", Scale::Logger),
    ("severity_text", Scale::Logger),
    ("severitynumber", Scale::OpenTelemetry),
    ("severity_number", Scale::OpenTelemetry),
    ("levelname", Scale::Logger),
    ("lvl", Scale::Logger),
    ("loglevel", Scale::Logger),
    ("priority", Scale::Syslog),
    ("syslog.severity", Scale::Syslog),
];

/// The longest path in the lists, in bytes. A longer one need not be looked up.
pub(super) const PATH_BYTES_MAX: usize = 64;

/// All paths. Built once, then only asked.
#[derive(Debug)]
pub(super) struct FieldNames {
    targets: HashMap<&'static str, Target>,
}

impl FieldNames {
    /// The names of all lists, and the paths that lead to them.
    pub(super) fn new() -> Self {
        let mut names = Self { targets: HashMap::new() };
        let lists = [
            (Field::Message, MESSAGE),
            (Field::Time, TIME),
            (Field::Service, SERVICE),
            (Field::Host, HOST),
            (Field::Environment, ENVIRONMENT),
        ];
        for (field, list) in lists {
            for (rank, path) in (0..).zip(list) {
                names.add(path, field, rank);
            }
        }
        for (rank, (path, scale)) in (0..).zip(LEVEL) {
            names.add(path, Field::Level(*scale), rank);
        }
        names
    }

    fn add(&mut self, path: &'static str, field: Field, rank: u8) {
        self.targets.entry(path).or_default().field = Some((field, rank));
        for (point, _) in path.match_indices('.') {
            if let Some(parent) = path.get(..point) {
                self.targets.entry(parent).or_default().has_children = true;
            }
        }
    }

    /// What is known of a path in lower case.
    pub(super) fn target(&self, path: &str) -> Option<Target> {
        self.targets.get(path).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_in_lower_case_within_the_limit_and_of_one_field() {
        let levels = LEVEL.iter().map(|(path, _)| *path);
        let paths: Vec<&str> = [MESSAGE, TIME, SERVICE, HOST, ENVIRONMENT].concat().into_iter().chain(levels).collect();
        for path in &paths {
            assert!(path.len() <= PATH_BYTES_MAX, "{path}");
            assert_eq!(**path, path.to_lowercase());
            assert_eq!(paths.iter().filter(|other| other == &path).count(), 1, "{path}");
        }
    }
}
