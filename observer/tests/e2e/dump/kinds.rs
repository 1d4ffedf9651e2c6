//! What kinds of values a JSON document has, without the values.

use serde_json::{Value, json};

/// The document with the name of its kind in place of each value.
pub fn of(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("bool"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(values) => values.iter().map(of).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), of(value)));
            Value::Object(fields.collect())
        }
    }
}
