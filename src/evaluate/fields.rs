//! Two events, field by field.

use serde_json::Value;

/// A field that differs between two events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// Its path, as in `evidence.expected` or `samples[0].text`.
    pub path: String,
    /// Its value on the left, as JSON; `None` where it is not there.
    pub left: Option<String>,
    /// The same on the right.
    pub right: Option<String>,
}

/// The fields that differ, in their order on the left, then those that only the right has. O(size).
pub fn differing_fields(left: &Value, right: &Value) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    walk("", Some(left), Some(right), &mut found);
    found
}

fn walk(path: &str, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<FieldDifference>) {
    match (left, right) {
        (Some(Value::Object(one)), Some(Value::Object(two))) => {
            let only_right = two.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(only_right) {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&inner, one.get(key), two.get(key), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            for place in 0..one.len().max(two.len()) {
                walk(&format!("{path}[{place}]"), one.get(place), two.get(place), found);
            }
        }
        (left, right) if left == right => {}
        (left, right) => found.push(FieldDifference {
            path: path.to_owned(),
            left: left.map(Value::to_string),
            right: right.map(Value::to_string),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_difference_is_named_by_its_path() {
        let left = json!({"a": 1, "b": {"c": [1, 2], "d": "x"}, "same": [{"x": null}]});
        let right = json!({"a": 1, "b": {"c": [1, 3, 4]}, "same": [{"x": null}], "new": true});
        let found = differing_fields(&left, &right);
        let paths: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(paths, ["b.c[1]", "b.c[2]", "b.d", "new"]);
        assert_eq!((found[2].left.as_deref(), found[2].right.as_deref()), (Some("\"x\""), None));
        assert!(differing_fields(&left, &left).is_empty());
    }
}
