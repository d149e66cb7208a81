//! Configured images: components whose instances start configured, where each request gets one of its own.
//!
//! `configure` runs once. What memories and globals then hold is written into a copy of the component as their initial
//! values, and that copy is compiled like any other. So a fresh instance parses nothing, and its heap has grown already.
//!
//! An image holds the configuration, secrets too: no disk sees it.

mod direct;
mod state;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasmtime_wizer::Wizer;

use super::compile::CompileError;
use super::component::{LoadedPlugin, Program};
use super::failure::{PluginFailure, first_line, printable};
use super::inspection::Inspection;
use super::instance::{Instance, Refusal, Setup, at_once};
use state::InstanceState;

use crate::config::model::InstanceMode;

/// A larger component is a language runtime: it cannot be made an image of, and it is not worth keeping for the attempt.
const MAX_SOURCE_BYTES: usize = 8 << 20;
/// What an image may hold of an instance's memory; all of it is compiled in.
const MAX_MEMORY_BYTES: usize = 64 << 20;

const NO_CONFIGURATION: &str = "the plugin takes no configuration";
const NO_FORM: &str = "the component has a form that cannot be rewritten";
const ONE_OF_A_KIND: &str = "the runtime of its language takes handles, the time or random numbers when it starts, and an image would repeat them";

/// How the instances of a policy come to be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageUse {
    /// They start from an image, for which `configure` ran once.
    Used,
    /// `configure` runs in each of them; why.
    Unused(String),
}

impl fmt::Display for ImageUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used => f.write_str("used"),
            Self::Unused(reason) => write!(f, "unused: {reason}"),
        }
    }
}

/// Why there is no image.
pub(super) enum NoImage {
    /// The plugin refuses its configuration, or fails on it: it would do the same without an image.
    Refused(Refusal),
    /// It cannot be made an image of.
    Unsuitable(String),
}

impl From<wasmtime::Error> for NoImage {
    fn from(error: wasmtime::Error) -> Self {
        Self::Unsuitable(printable(&first_line(&error)))
    }
}

impl From<CompileError> for NoImage {
    fn from(error: CompileError) -> Self {
        Self::Unsuitable(printable(&error.to_string()))
    }
}

/// What is known of an image before its component is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageProspect {
    /// One can be made.
    Possible,
    /// One can be made, unless this shows when an instance starts.
    Unless(&'static str),
    /// None can be made, for this reason.
    Impossible(String),
}

/// Tells whether an image can be made of these bytes, with instances that serve one call each: nothing is compiled for it,
/// or run.
#[must_use]
pub fn prospect(bytes: &[u8], inspection: &Inspection) -> ImageProspect {
    if !inspection.configuration {
        return ImageProspect::Impossible(NO_CONFIGURATION.into());
    }
    if !is_source(bytes, true) {
        return ImageProspect::Impossible(too_large());
    }
    let instrumented = catch_unwind(|| Wizer::new().instrument_component(bytes).map(drop));
    match instrumented {
        Ok(Ok(())) if inspection.runtime_imports.is_empty() => ImageProspect::Possible,
        Ok(Ok(())) => ImageProspect::Unless(ONE_OF_A_KIND),
        Ok(Err(error)) => ImageProspect::Impossible(printable(&first_line(&error))),
        Err(_) => ImageProspect::Impossible(NO_FORM.into()),
    }
}

fn too_large() -> String {
    format!("the component is larger than {} MiB", MAX_SOURCE_BYTES >> 20)
}

/// Whether an image may be made of these bytes, so that they are worth keeping.
pub(super) fn is_source(bytes: &[u8], has_configuration: bool) -> bool {
    has_configuration && bytes.len() <= MAX_SOURCE_BYTES
}

/// Configures an instance and makes an image of it. Takes as long as compiling the component, which is
/// compiled a second time to be read, unless that code was kept.
pub(super) fn make(plugin: &LoadedPlugin, setup: &Arc<Setup>) -> Result<Program, NoImage> {
    if plugin.instances == InstanceMode::Reused {
        // Making one takes longer than configuring all the instances a policy will ever have.
        return Err(NoImage::Unsuitable("its instances serve many calls each".into()));
    }
    if !plugin.is_configurable() {
        return Err(NoImage::Unsuitable(NO_CONFIGURATION.into()));
    }
    let Some(source) = &plugin.source else {
        return Err(NoImage::Unsuitable(too_large()));
    };
    // The component is a stranger's, and who rewrites it was written for one's own: a panic there costs the image only.
    catch_unwind(AssertUnwindSafe(|| rewrite(plugin, setup, source)))
        .unwrap_or_else(|_| Err(NoImage::Unsuitable(NO_FORM.into())))
}

fn rewrite(plugin: &LoadedPlugin, setup: &Arc<Setup>, source: &[u8]) -> Result<Program, NoImage> {
    let image = snapshot(plugin, setup, source)?;
    let reason = match direct::linked(&image) {
        Ok(lean) => match started(plugin, setup, &lean) {
            Err(NoImage::Unsuitable(reason)) => reason,
            used_or_refused => return used_or_refused,
        },
        Err(reason) => reason.to_string(),
    };
    tracing::debug!(policy = setup.policy, reason, "host functions are linked through a shim");
    started(plugin, setup, &image)
}

/// The component with the state of a configured instance in it.
fn snapshot(plugin: &LoadedPlugin, setup: &Arc<Setup>, source: &[u8]) -> Result<Vec<u8>, NoImage> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, instrumented) = wizer.instrument_component(source)?;
    let instrumented = plugin.program_of(plugin.engine.compile(&instrumented)?)?;
    let mut instance = configured(plugin, &instrumented, setup).map_err(NoImage::Refused)?;
    if instance.parts().0.data().is_one_of_a_kind() {
        return Err(NoImage::Unsuitable(ONE_OF_A_KIND.into()));
    }
    instance.begin(super::instance::START_BUDGET);
    let mut state = InstanceState::new(&mut instance, MAX_MEMORY_BYTES);
    let image = at_once(wizer.snapshot_component(&context, &mut state));
    state.finish()?;
    Ok(image?)
}

/// Compiles an image. Its first start maps it, and whether it can be started at all is to be known now.
fn started(plugin: &LoadedPlugin, setup: &Arc<Setup>, image: &[u8]) -> Result<Program, NoImage> {
    let program = plugin.configured_program_of(plugin.engine.compile_secret(image)?)?;
    match Instance::start(plugin, &program, setup) {
        Ok(_) => Ok(program),
        Err(refusal) => Err(NoImage::Unsuitable(format!("it does not start: {}", PluginFailure::from(refusal)))),
    }
}

/// An instance of `program` that took over the policy's configuration.
pub(super) fn configured(plugin: &LoadedPlugin, program: &Program, setup: &Arc<Setup>) -> Result<Instance, Refusal> {
    let mut instance = Instance::start(plugin, program, setup)?;
    instance.configure()?;
    Ok(instance)
}
