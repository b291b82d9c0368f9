//! A stand-in that runs, with the product's client for it and a way to its routes for tests.

use crate::common::tool;
use postern::http::{Client, Method, Origin, Patience, Payload, Request};
use postern::portal::{Contract, Settings};
use postern::world::{Secret, Trust, World};
use serde_json::{json, Value};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running stand-in with a client for it; dropping it kills the stand-in.
pub struct Bench {
    child: Child,
    _state: tempfile::TempDir,
    url: String,
    admin: Client,
    pub world: World,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// One that speaks TLS, by a certificate of `authority`.
    pub fn tls() -> Self {
        Self::tls_with(&[])
    }

    /// The same with further options.
    pub fn tls_with(more: &[&str]) -> Self {
        let (cert, key) = (tls("cert.pem"), tls("key.pem"));
        Self::with(&[&["--tls-cert", &cert, "--tls-key", &key], more].concat())
    }

    pub fn with(more: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut child = Command::new(tool("standin"))
            .args(["--token", "sesame", "--base", "/postern/v1", "--state"])
            .arg(state.path())
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        let world = World::real();
        let mut origin = Origin::parse(&url).unwrap();
        origin.base.clear();
        let trust = Trust::Authorities(authority());
        let admin = Client::new(&world, origin, trust, Patience::default(), 1, 1 << 24);
        Self {
            child,
            _state: state,
            url,
            admin,
            world,
        }
    }

    /// Where the stand-in listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.admin.origin().with_port().parse().unwrap()
    }

    pub fn settings(&self) -> Settings {
        Settings {
            url: self.url.clone(),
            connect_ms: 5000,
            idle_ms: 5000,
            answer_ms: 10_000,
            ..Settings::default()
        }
    }

    pub fn portal(&self) -> Contract {
        self.portal_with(&self.settings())
    }

    pub fn portal_with(&self, settings: &Settings) -> Contract {
        self.portal_by(settings, None)
    }

    /// The same with a password for the proxy on the way.
    pub fn portal_by(&self, settings: &Settings, proxy_password: Option<&str>) -> Contract {
        let token = Secret::new("sesame".to_owned());
        let password = proxy_password.map(|p| Secret::new(p.to_owned()));
        Contract::new(&self.world, settings, &token, None, password).unwrap()
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = Request::new(method, format!("/_admin/{path}"), None);
        request.payload = Payload::Octets("application/json", body.to_string().into());
        let answer = self.admin.ask(request).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub async fn fault(&self, rule: Value) {
        self.admin(Method::DELETE, "faults", json!(null)).await;
        self.admin(Method::POST, "faults", json!([rule])).await;
    }

    pub async fn count(&self, what: &str) -> u64 {
        let count = self.admin(Method::GET, "count", json!(null)).await;
        count[what].as_u64().unwrap()
    }

    pub async fn connections(&self) -> u64 {
        let log = self.admin(Method::GET, "log", json!(null)).await;
        let numbers = log
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l["connection"].as_u64().unwrap());
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.len() as u64
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tls(file: &str) -> String {
    format!("{}/tests/standin/tls/{file}", env!("CARGO_MANIFEST_DIR"))
}

pub fn authority() -> String {
    std::fs::read_to_string(tls("ca.pem")).unwrap()
}
