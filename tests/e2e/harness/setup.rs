//! What a gateway is started with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::gateway::Gateway;
use super::origin::Origin;
use super::sections::{route, upstream};
use super::wait::{LONG_START, PATIENCE};

const LISTENER: &str = "[[listener]]\nname = \"http\"\naddress = \"127.0.0.1:0\"\n";

/// Where the access lines of a gateway in this folder are; apart, so that they wake no file watch.
pub(crate) fn access_log(directory: &Path) -> PathBuf {
    directory.join("log").join("access.log")
}

/// A configuration in the making, in a folder of its own.
pub(crate) struct Setup {
    directory: TempDir,
    sections: Sections,
    patience: Duration,
}

/// The parts of a configuration that tests vary.
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    server: String,
    access_format: &'static str,
    limits: String,
    token: Option<String>,
    listeners: String,
    rest: String,
}

impl Sections {
    /// The whole file.
    pub(crate) fn text(&self, directory: &Path) -> String {
        let access = access_log(directory);
        let Self { access_format, server, limits, token, listeners, rest } = self;
        let token = token.as_ref().map(|token| format!("token = \"{token}\"")).unwrap_or_default();
        format!(
            "[server]\nthreads = 2\nshutdown_timeout = \"5s\"\n{server}\n\n[limits]\n{limits}\n\n\
             [access_log]\nformat = \"{access_format}\"\ntarget = \"{}\"\n\n\
             [admin]\naddress = \"127.0.0.1:0\"\n{token}\n\n{listeners}\n{rest}",
            access.display()
        )
    }

    /// The bearer token of the admin listener.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same with other upstreams, routes, plugins, policies and consumers.
    pub(crate) fn with_rest(&self, rest: impl Into<String>) -> Self {
        Self { rest: rest.into(), ..self.clone() }
    }

    /// The same with other listeners.
    pub(crate) fn with_listeners(&self, listeners: impl Into<String>) -> Self {
        Self { listeners: listeners.into(), ..self.clone() }
    }
}

impl Setup {
    /// Upstreams, routes, plugins, policies and consumers; all else as tests mostly need it.
    pub(crate) fn new(rest: impl Into<String>) -> Self {
        let directory = tempfile::tempdir().expect("a folder for temporary files");
        std::fs::create_dir(directory.path().join("log")).expect("a writable folder");
        Self {
            directory,
            sections: Sections {
                server: String::new(),
                access_format: "json",
                limits: String::new(),
                token: None,
                listeners: LISTENER.to_owned(),
                rest: rest.into(),
            },
            patience: PATIENCE,
        }
    }

    /// Everything goes to one origin.
    pub(crate) fn proxying(origin: &Origin) -> Self {
        Self::new(upstream("origin", &[origin]) + &route("all", "origin", ""))
    }

    /// Further keys of `[server]`.
    pub(crate) fn server(mut self, server: &str) -> Self {
        server.clone_into(&mut self.sections.server);
        self
    }

    /// Keys of `[limits]`.
    pub(crate) fn limits(mut self, limits: &str) -> Self {
        limits.clone_into(&mut self.sections.limits);
        self
    }

    /// No access log: for more requests than a file should hold.
    pub(crate) fn quiet(mut self) -> Self {
        self.sections.access_format = "off";
        self
    }

    /// The bearer token of the admin listener.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.sections.token = Some(token.to_owned());
        self
    }

    /// Other listeners than the plain one.
    pub(crate) fn listeners(mut self, listeners: &str) -> Self {
        listeners.clone_into(&mut self.sections.listeners);
        self
    }

    /// Further top-level sections before all others that tests vary.
    pub(crate) fn section(mut self, section: &str) -> Self {
        self.sections.rest = format!("{section}\n{}", self.sections.rest);
        self
    }

    /// Where files of this gateway may be put.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Copies a file into the folder, under a name that the test may replace later.
    pub(crate) fn copy(&self, file: &Path, name: &str) -> PathBuf {
        let copy = self.directory().join(name);
        std::fs::copy(file, &copy).unwrap_or_else(|e| panic!("cannot copy {}: {e}", file.display()));
        copy
    }

    /// Replaces the part of the file that is not limits, admin or listeners.
    pub(crate) fn rest(mut self, rest: impl Into<String>) -> Self {
        self.sections.rest = rest.into();
        self
    }

    /// It loads a plugin that takes long to compile.
    pub(crate) fn slow_to_start(mut self) -> Self {
        self.patience = LONG_START;
        self
    }

    /// Starts the gateway and waits until it serves.
    pub(crate) async fn start(self) -> Gateway {
        Gateway::start(self.directory, self.sections, self.patience).await
    }
}
