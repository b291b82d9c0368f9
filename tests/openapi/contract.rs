//! The document, and what it says of an exchange: every point in which the two disagree.
//!
//! Read more strictly than a portal has to be: a status that an operation does not name is a
//! disagreement (`default` is for portals elsewhere), and so is a member that no schema has. JSON
//! Schema itself is judged by a crate.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jsonschema::Validator;
use serde_json::{json, Map, Value};

use crate::wire::Exchange;

/// Where the document lies.
pub const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/portal.openapi.yaml");

/// The document, and what of it was met so far.
pub struct Contract {
    document: Value,
    met: BTreeSet<String>,
    /// By schema: one takes a moment to make.
    validators: HashMap<String, Validator>,
}

impl Contract {
    /// The document as it is shipped.
    pub fn shipped() -> Contract {
        let text = std::fs::read_to_string(PATH).expect("the document is there");
        Contract::of(serde_yaml_ng::from_str(&text).expect("it is YAML"))
    }

    /// A document, read strictly.
    pub fn of(mut document: Value) -> Contract {
        strict(&mut document);
        Contract {
            document,
            met: BTreeSet::new(),
            validators: HashMap::new(),
        }
    }

    /// The document for another judge: as strict, but in requests a member that is not known is
    /// ignored, as the contract says.
    pub fn for_outsiders(&self) -> Value {
        let mut document = self.document.clone();
        for sent in [
            "Message",
            "Person",
            "Attachment",
            "Omitted",
            "Authentication",
            "Storm",
            "Event",
            "Moment",
            "Invited",
        ] {
            let schema = document["components"]["schemas"][sent].as_object_mut();
            schema.and_then(|s| s.remove("additionalProperties"));
        }
        for (operation, _) in self.operations() {
            let (method, path) = operation.split_once(' ').unwrap_or_default();
            let declared = &mut document["paths"][path][method.to_lowercase()];
            let responses = declared["responses"].as_object_mut();
            responses.and_then(|r| r.remove("default"));
        }
        document
    }

    /// What the answer and the document disagree about.
    pub fn judge_answer(&mut self, exchange: &Exchange) -> Vec<String> {
        let Some((operation, declared)) = self.operation(exchange) else {
            let mut wrong = judge_undeclared(exchange);
            let problem = json!({ "$ref": "#/components/schemas/Problem" });
            let body = exchange.document();
            self.judge_value(&exchange.path, &problem, &body, &mut wrong);
            self.met.extend(body["type"].as_str().map(str::to_owned));
            return wrong;
        };
        let name = declared["operationId"].as_str().unwrap_or_default();
        let status = exchange.status.to_string();
        let place = format!("{name} {status}");
        let response = self.resolve(&declared["responses"][&status]).clone();
        if response.is_null() {
            return vec![format!("{place}: {operation} does not name this status")];
        }
        self.met.insert(place.clone());
        let mut wrong = Vec::new();
        for (field, said) in object(&response["headers"]) {
            let said = self.resolve(&said).clone();
            match exchange.answer_field(&field) {
                Some(value) => {
                    self.met.insert(format!("{place} {field}"));
                    self.judge_text(
                        &format!("{place} {field}"),
                        &said["schema"],
                        value,
                        &mut wrong,
                    );
                }
                None if said["required"] == true => wrong.push(format!("{place}: no {field}")),
                None => {}
            }
        }
        if exchange.method == "HEAD" {
            return wrong;
        }
        let contents = object(&response["content"]);
        let media_type = exchange.answer_field("content-type").unwrap_or_default();
        if contents.is_empty() && exchange.answer_body.is_empty() {
            return wrong;
        }
        let Some(content) = contents.get(media_type) else {
            wrong.push(format!("{place}: {media_type:?} is no media type of it"));
            return wrong;
        };
        match serde_json::from_str::<Value>(&exchange.answer_body) {
            Ok(body) => {
                self.judge_value(&place, &content["schema"], &body, &mut wrong);
                if media_type.starts_with("application/problem")
                    && body["status"] != exchange.status
                {
                    wrong.push(format!(
                        "{place}: the problem says status {}",
                        body["status"]
                    ));
                }
                if let Some(kind) = body["type"].as_str() {
                    self.met.insert(kind.to_owned());
                }
            }
            Err(error) => wrong.push(format!("{place}: the body is no JSON: {error}")),
        }
        wrong
    }

    /// What the request and the document disagree about.
    pub fn judge_request(&mut self, exchange: &Exchange) -> Vec<String> {
        let Some((operation, declared)) = self.operation(exchange) else {
            return vec![format!(
                "{} {}: no operation",
                exchange.method, exchange.path
            )];
        };
        let mut wrong = Vec::new();
        let mut parameters = Vec::new();
        let path_item = &self.document["paths"][operation.split_once(' ').unwrap_or_default().1];
        for list in [&path_item["parameters"], &declared["parameters"]] {
            let list = list.as_array().into_iter().flatten();
            parameters.extend(list.map(|p| self.resolve(p).clone()));
        }
        let mut queries = exchange.queries();
        let template = operation.split_once(' ').unwrap_or_default().1;
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let one = |value: Option<String>| value.map(|value| vec![value]);
            let values = match parameter["in"].as_str() {
                Some("query") => queries.remove(name),
                Some("header") => one(exchange.field(name).map(str::to_owned)),
                _ => one(captured(template, &exchange.path, name)),
            };
            let place = format!("{operation} {name}");
            let repeated = parameter["schema"]["type"] == "array";
            match values {
                Some(values) if repeated => {
                    self.judge_value(&place, &parameter["schema"], &json!(values), &mut wrong);
                    self.met.insert(place);
                }
                Some(values) => {
                    if values.len() > 1 {
                        wrong.push(format!("{place}: more than once"));
                    }
                    self.judge_text(&place, &parameter["schema"], &values[0], &mut wrong);
                    self.met.insert(place);
                }
                None if parameter["required"] == true => wrong.push(format!("{place}: missing")),
                None => {}
            }
        }
        wrong.extend(
            queries
                .keys()
                .map(|name| format!("{operation}: no parameter {name}")),
        );
        let contents = object(&declared["requestBody"]["content"]);
        let media_type = exchange.field("content-type").unwrap_or_default();
        match contents.get(media_type) {
            Some(content) if content["schema"].is_object() => {
                match serde_json::from_str::<Value>(&exchange.body) {
                    Ok(body) => {
                        self.judge_value(&operation, &content["schema"], &body, &mut wrong);
                        if body["key"].as_str() != exchange.field("idempotency-key") {
                            wrong.push(format!("{operation}: the key differs from its field"));
                        }
                    }
                    Err(error) => wrong.push(format!("{operation}: no JSON: {error}")),
                }
            }
            None if !contents.is_empty() => {
                wrong.push(format!(
                    "{operation}: {media_type:?} is no media type of it"
                ));
            }
            _ => {}
        }
        self.met.insert(format!("asked {operation}"));
        wrong
    }

    /// Whether this was met: `OPERATION STATUS`, `OPERATION STATUS FIELD`, `SCHEMA.MEMBER`, a type of
    /// problem, `asked METHOD PATH`.
    pub fn has_met(&self, what: &str) -> bool {
        self.met.contains(what)
    }

    /// Each status and each field of each operation's answers.
    pub fn answers(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (_, declared) in self.operations() {
            let name = declared["operationId"].as_str().unwrap_or_default();
            for (status, response) in object(&declared["responses"]) {
                if status == "default" {
                    continue;
                }
                all.push(format!("{name} {status}"));
                let fields = object(&self.resolve(&response)["headers"]);
                all.extend(fields.keys().map(|f| format!("{name} {status} {f}")));
            }
        }
        all
    }

    /// Each operation, as `METHOD PATH`.
    pub fn operations(&self) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (path, item) in object(&self.document["paths"]) {
            for (method, declared) in object(&item) {
                if method != "parameters" {
                    all.push((format!("{} {path}", method.to_uppercase()), declared));
                }
            }
        }
        all
    }

    /// Each member of these schemas, as `SCHEMA.MEMBER`.
    pub fn members(&self, schemas: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        for schema in schemas {
            self.list(
                schema,
                &self.document["components"]["schemas"][schema],
                &mut all,
            );
        }
        all
    }

    fn list(&self, place: &str, schema: &Value, all: &mut Vec<String>) {
        for (name, member) in object(&schema["properties"]) {
            let place = format!("{place}.{name}");
            self.list(&place, &member, all);
            self.list(&place, &member["items"], all);
            all.push(place);
        }
    }

    /// The types of problem that there are.
    pub fn problems(&self) -> Vec<String> {
        let all = self.document["components"]["schemas"]["ProblemType"]["enum"].as_array();
        let all = all.into_iter().flatten().filter_map(Value::as_str);
        all.map(str::to_owned).collect()
    }

    /// The operation's name, empty for what is none.
    pub fn name(&self, exchange: &Exchange) -> String {
        let found = self.operation(exchange);
        let name = found.map(|(_, declared)| declared["operationId"].clone());
        name.and_then(|n| n.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Which operation an exchange is of, and what is said of it.
    fn operation(&self, exchange: &Exchange) -> Option<(String, Value)> {
        self.operations().into_iter().find(|(operation, _)| {
            let (method, path) = operation.split_once(' ').unwrap_or_default();
            method == exchange.method && fits(path, &exchange.path)
        })
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
        match pointer.and_then(|p| self.document.pointer(p)) {
            Some(found) => self.resolve(found),
            None => value,
        }
    }

    /// A value that comes as text: in a field, a path or a query.
    fn judge_text(&mut self, place: &str, schema: &Value, text: &str, wrong: &mut Vec<String>) {
        let schema = self.resolve(schema).clone();
        let value = match schema["type"].as_str() {
            Some("integer") => text
                .parse::<u64>()
                .map_or_else(|_| text.into(), Value::from),
            _ => text.into(),
        };
        self.judge_value(place, &schema, &value, wrong);
    }

    fn judge_value(&mut self, place: &str, schema: &Value, value: &Value, wrong: &mut Vec<String>) {
        let components = &self.document["components"];
        let make = || {
            let whole = json!({ "allOf": [schema], "components": components });
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            options
                .build(&whole)
                .expect("the document's schemas are schemas")
        };
        let validator = self
            .validators
            .entry(schema.to_string())
            .or_insert_with(make);
        wrong.extend(
            validator
                .iter_errors(value)
                .map(|e| format!("{place}: at {:?}: {e}", e.instance_path().to_string())),
        );
        self.meet("", schema, value);
    }

    /// Notes each member that is there and not null.
    fn meet(&mut self, place: &str, schema: &Value, value: &Value) {
        let named = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next());
        let place = named.unwrap_or(place).to_owned();
        let schema = self.resolve(schema).clone();
        for either in schema["oneOf"].as_array().into_iter().flatten() {
            self.meet(&place, either, value);
        }
        for item in value.as_array().into_iter().flatten() {
            self.meet(&place, &schema["items"], item);
        }
        for (name, member) in object(&schema["properties"]) {
            if !value[&name].is_null() {
                let place = format!("{place}.{name}");
                self.met.insert(place.clone());
                self.meet(&place, &member, &value[&name]);
            }
        }
    }
}

/// What isn't of the contract has to be refused as RFC 9110 says.
fn judge_undeclared(exchange: &Exchange) -> Vec<String> {
    let called = format!("{} {}", exchange.method, exchange.path);
    match exchange.status {
        401 | 404 => Vec::new(),
        405 if exchange.answer_field("allow").is_some() => Vec::new(),
        405 => vec![format!("{called}: 405 without Allow")],
        status => vec![format!("{called}: {status} to what is no operation")],
    }
}

/// Every object with members of its own has no others.
fn strict(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.insert("additionalProperties".into(), false.into());
            }
            members.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn fits(template: &str, path: &str) -> bool {
    let (wanted, given): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let mut pairs = wanted.iter().zip(&given);
    wanted.len() == given.len()
        && pairs.all(|(w, g)| w == g || (w.starts_with('{') && !g.is_empty()))
}

fn captured(template: &str, path: &str, name: &str) -> Option<String> {
    let mut pairs = template.split('/').zip(path.split('/'));
    let found = pairs.find(|(t, _)| t.trim_matches(['{', '}']) == name && t.starts_with('{'));
    found.map(|(_, given)| given.to_owned())
}

/// Both sides of many exchanges, and what was wrong with any.
pub fn judge_all(contract: &mut Contract, exchanges: &[Exchange]) -> BTreeMap<String, usize> {
    let mut wrong = BTreeMap::new();
    for exchange in exchanges {
        let mut said = contract.judge_request(exchange);
        said.extend(contract.judge_answer(exchange));
        for words in said {
            *wrong.entry(words).or_default() += 1;
        }
    }
    wrong
}
