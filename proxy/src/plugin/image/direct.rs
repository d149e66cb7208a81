//! Rewrites a component so that its module imports the host's functions themselves.
//!
//! A function of the host writes into the memory of the module that calls it, and a module has a memory only once it is
//! instantiated with the functions it imports. The tools that make components break this circle by a shim: a table of
//! functions, which the module imports, and which a third module fills in at last. Each instance pays for that: three core
//! instances where two would do, and three links for each function instead of one.
//!
//! Here the memory is taken out of the module instead. It is instantiated first, the functions are made for it, and the
//! module imports both:
//!
//! | before | after |
//! | --- | --- |
//! | shim: table, a function for each import | memory, its data, and a way to the module's allocator |
//! | module: memory, imports the functions of the shim | module: imports memory, imports the functions |
//! | fix-up: writes the functions into the table | |

mod form;
mod module;
#[cfg(test)]
mod tests;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentInstanceSection, ExportKind, InstanceSection, Module, ModuleArg, ModuleSection,
    RawSection,
};
use wasmparser::{CanonicalFunction, ComponentAlias, ComponentExternalKind, ExternalKind, Instance};

use form::{Form, HostFunction, Item};
use module::{ALLOCATOR, HOLDER, MEMORY, Split};

/// Why a component stays as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDirect {
    /// It is put together in another way.
    #[error("it is put together in another way: {0}")]
    OtherForm(&'static str),
    /// It cannot be read, or written anew.
    #[error("it cannot be written anew: {0}")]
    Unreadable(String),
}

impl From<wasmparser::Error> for NotDirect {
    fn from(error: wasmparser::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<reencode::Error<&'static str>> for NotDirect {
    fn from(error: reencode::Error<&'static str>) -> Self {
        match error {
            reencode::Error::UserError(form) => Self::OtherForm(form),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

/// The same component without its shim.
///
/// # Errors
/// It has none, or is put together in another way than `wit-component` does it.
pub(super) fn linked(component: &[u8]) -> Result<Vec<u8>, NotDirect> {
    let items = form::items(component)?;
    let form = Form::of(&items)?;
    let split = module::split(form.main_module, form.allocator)?;
    let mut writer = Writer::new(&form, &split);
    for item in &items {
        writer.item(item)?;
    }
    Ok(writer.component.finish())
}

const TOO_EARLY: NotDirect = NotDirect::OtherForm("a function of the host that is named before the shim");

/// Writes the definitions anew, with the moved ones at their new place.
struct Writer<'f> {
    form: &'f Form<'f>,
    split: &'f Split,
    component: Component,
    modules: u32,
    core_instances: u32,
    indices: Indices,
}

/// Where functions are now.
#[derive(Default)]
struct Indices {
    /// By the index it had, that of each core function, and of each of the component.
    core_functions: Vec<u32>,
    functions: Vec<u32>,
    /// How many of each are written.
    core_written: u32,
    written: u32,
    /// Of those that were moved the first ones, which the others follow; none before they are written.
    moved: Option<Moved>,
}

#[derive(Clone, Copy)]
struct Moved {
    first_core: u32,
    first: u32,
}

impl<'f> Writer<'f> {
    fn new(form: &'f Form<'f>, split: &'f Split) -> Self {
        Self { form, split, component: Component::new(), modules: 0, core_instances: 0, indices: Indices::default() }
    }

    fn item(&mut self, item: &Item<'_>) -> Result<(), NotDirect> {
        match item {
            Item::Module(module) => self.module(module),
            Item::CoreInstance(instance) => self.core_instance(instance)?,
            Item::Alias(alias) => self.alias(alias)?,
            Item::Canonical(function) => self.canonical(function)?,
            Item::Instances(section) => {
                let mut instances = ComponentInstanceSection::new();
                self.indices.parse_component_instance_section(&mut instances, section.clone())?;
                self.component.section(&instances);
            }
            Item::Exports { section, functions } => {
                let mut exports = ComponentExportSection::new();
                self.indices.parse_component_export_section(&mut exports, section.clone())?;
                self.component.section(&exports);
                (0..*functions).for_each(|_| self.indices.push());
            }
            Item::Other { id, data, functions } => {
                self.component.section(&RawSection { id: *id, data });
                (0..*functions).for_each(|_| self.indices.push());
            }
        }
        Ok(())
    }

    fn module(&mut self, module: &[u8]) {
        let (index, form) = (self.modules, self.form);
        self.modules += 1;
        if index == form.shim.module {
            self.component.section(&ModuleSection(&self.split.holder));
        } else if index == form.main.module {
            self.component.section(&ModuleSection(&self.split.module));
        } else if index == form.fix_up.module {
            // Others keep their indices.
            self.component.section(&ModuleSection(&Module::new()));
        } else {
            self.component
                .section(&RawSection { id: wasm_encoder::ComponentSectionId::CoreModule.into(), data: module });
        }
    }

    fn core_instance(&mut self, instance: &Instance<'_>) -> Result<(), NotDirect> {
        let (index, form) = (self.core_instances, self.form);
        self.core_instances += 1;
        if index == form.fix_up.instance || index == form.fix_up_arguments {
            return Ok(());
        }
        let mut instances = InstanceSection::new();
        match instance {
            Instance::Instantiate { args, .. } if index == form.main.instance => {
                let arguments = args.iter().map(|argument| (argument.name, argument.index));
                let arguments = arguments.chain([(HOLDER, form.shim.instance)]);
                let arguments = arguments.map(|(name, index)| (name, ModuleArg::Instance(index)));
                instances.instantiate(form.main.module, arguments.collect::<Vec<_>>());
            }
            other => self.indices.parse_instance(&mut instances, other.clone())?,
        }
        self.component.section(&instances);
        if index == form.shim.instance {
            self.host_functions()?;
        }
        Ok(())
    }

    /// The functions that the shim stood for, made for the memory that now is in its place.
    fn host_functions(&mut self) -> Result<(), NotDirect> {
        let (mut aliases, mut lowered) = (ComponentAliasSection::new(), CanonicalFunctionSection::new());
        let holder = |kind, name| Alias::CoreInstanceExport { instance: self.form.shim.instance, kind, name };
        aliases.alias(holder(ExportKind::Memory, MEMORY));
        aliases.alias(holder(ExportKind::Func, ALLOCATOR));
        let allocator = self.indices.core_written;
        self.indices.core_written += 1;
        self.indices.moved = Some(Moved { first_core: self.indices.core_written, first: self.indices.written });
        for function in &self.form.functions {
            let &HostFunction { instance, name, .. } = function;
            aliases.alias(Alias::InstanceExport { instance, kind: ComponentExportKind::Func, name });
            let options = function.options.iter().map(|option| match option {
                wasmparser::CanonicalOption::Realloc(_) => Ok(CanonicalOption::Realloc(allocator)),
                other => self.indices.canonical_option(*other),
            });
            let options = options.collect::<Result<Vec<_>, _>>()?;
            lowered.lower(self.indices.written, options);
            self.indices.written += 1;
            self.indices.core_written += 1;
        }
        self.component.section(&aliases).section(&lowered);
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), NotDirect> {
        let form = self.form;
        match *alias {
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Memory | ExternalKind::Table, .. } => {
                return Ok(());
            }
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, instance_index, name }
                if instance_index == form.shim.instance =>
            {
                let which = form.of_label(name).ok_or(NotDirect::OtherForm("a shim that is not filled in"))?;
                return self.indices.core_moved(which);
            }
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, .. } => self.indices.push_core(),
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Func, .. } => {
                match form.of_function(count(&self.indices.functions)) {
                    Some(which) => return self.indices.moved(which),
                    None => self.indices.push(),
                }
            }
            _ => {}
        }
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(self.indices.component_alias(alias.clone())?);
        self.component.section(&aliases);
        Ok(())
    }

    fn canonical(&mut self, function: &CanonicalFunction) -> Result<(), NotDirect> {
        if matches!(function, CanonicalFunction::Lift { .. }) {
            self.indices.push();
        } else {
            if let Some(which) = self.form.of_lowered(count(&self.indices.core_functions)) {
                return self.indices.core_moved(which);
            }
            self.indices.push_core();
        }
        let mut functions = CanonicalFunctionSection::new();
        self.indices.parse_component_canonical(&mut functions, function.clone())?;
        self.component.section(&functions);
        Ok(())
    }
}

impl Indices {
    /// The next core function is written now.
    fn push_core(&mut self) {
        self.core_functions.push(self.core_written);
        self.core_written += 1;
    }

    /// The next function of the component is written now.
    fn push(&mut self) {
        self.functions.push(self.written);
        self.written += 1;
    }

    /// The next core function is this one of those that were moved.
    fn core_moved(&mut self, which: u32) -> Result<(), NotDirect> {
        let moved = self.moved.ok_or(TOO_EARLY)?;
        self.core_functions.push(moved.first_core.saturating_add(which));
        Ok(())
    }

    /// The next function of the component is this one of those that were moved.
    fn moved(&mut self, which: u32) -> Result<(), NotDirect> {
        let moved = self.moved.ok_or(TOO_EARLY)?;
        self.functions.push(moved.first.saturating_add(which));
        Ok(())
    }
}

/// The index of what comes next.
fn count(known: &[u32]) -> u32 {
    // No component has so many: what is not there is no valid one.
    u32::try_from(known.len()).unwrap_or(u32::MAX)
}

impl Reencode for Indices {
    type Error = &'static str;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<&'static str>> {
        let new = usize::try_from(index).ok().and_then(|index| self.core_functions.get(index));
        new.copied().ok_or(reencode::Error::UserError("a function named before it is there"))
    }
}

impl ReencodeComponent for Indices {
    fn component_func_index(&mut self, index: u32) -> u32 {
        let new = usize::try_from(index).ok().and_then(|index| self.functions.get(index));
        // No component has so many: who names one that is not there, gets no valid one.
        new.copied().unwrap_or(u32::MAX)
    }
}
