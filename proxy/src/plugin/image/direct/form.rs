//! How `wit-component` puts a component together, and where its parts are.

mod shim;

use std::collections::HashMap;

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExportSectionReader, ComponentExternalKind,
    ComponentInstanceSectionReader, ComponentType, ComponentTypeRef, Encoding, Export, ExternalKind, Instance, Parser,
    Payload,
};

use super::NotDirect;

/// The table of a shim.
const TABLE: &str = "$imports";

/// One definition of a component; or a section, where none of its definitions matters by itself.
pub(super) enum Item<'a> {
    Module(&'a [u8]),
    CoreInstance(Instance<'a>),
    Alias(ComponentAlias<'a>),
    Canonical(CanonicalFunction),
    Instances(ComponentInstanceSectionReader<'a>),
    /// Each function that is exported has another index from then on.
    Exports {
        section: ComponentExportSectionReader<'a>,
        functions: usize,
    },
    /// Names nothing that is moved. So many functions of the component are defined in it.
    Other {
        id: u8,
        data: &'a [u8],
        functions: usize,
    },
}

/// What defines a core function.
enum CoreFunction<'a> {
    Exported { instance: u32, name: &'a str },
    Lowered { function: u32, options: &'a [CanonicalOption] },
    Other,
}

/// A function of the host that the shim stands for.
pub(super) struct HostFunction<'a> {
    /// What the shim calls it.
    pub(super) label: &'a str,
    /// Its index among the functions of the component, and where it is from.
    pub(super) function: u32,
    pub(super) instance: u32,
    pub(super) name: &'a str,
    /// Its index among the core functions when it is lowered, and how that is done.
    pub(super) lowered: u32,
    pub(super) options: &'a [CanonicalOption],
}

/// Where the parts are, by their indices.
pub(super) struct Form<'a> {
    by_label: HashMap<&'a str, u32>,
    by_function: HashMap<u32, u32>,
    by_lowered: HashMap<u32, u32>,
    pub(super) shim: Placed,
    pub(super) main: Placed,
    pub(super) fix_up: Placed,
    /// What the fix-up is given.
    pub(super) fix_up_arguments: u32,
    pub(super) functions: Vec<HostFunction<'a>>,
    pub(super) main_module: &'a [u8],
    /// What the main module calls its allocator.
    pub(super) allocator: &'a str,
}

/// A core module and its instance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) module: u32,
    pub(super) instance: u32,
}

/// The definitions of a component in their order.
///
/// # Errors
/// It is no component, or has parts that no policy has.
pub(super) fn items(component: &[u8]) -> Result<Vec<Item<'_>>, NotDirect> {
    let (mut items, mut depth) = (Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if depth > 0 {
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                _ => {}
            }
            continue;
        }
        let section = payload.as_section().and_then(|(id, range)| Some((id, component.get(range)?)));
        let other = |functions| section.map(|(id, data)| Item::Other { id, data, functions });
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                items.extend(component.get(unchecked_range).map(Item::Module));
                depth += 1;
            }
            Payload::ComponentSection { .. } => {
                items.extend(other(0));
                depth += 1;
            }
            Payload::InstanceSection(section) => push_all(&mut items, section, Item::CoreInstance)?,
            Payload::ComponentAliasSection(section) => push_all(&mut items, section, Item::Alias)?,
            Payload::ComponentCanonicalSection(section) => push_all(&mut items, section, Item::Canonical)?,
            Payload::ComponentInstanceSection(section) => items.push(Item::Instances(section)),
            Payload::ComponentExportSection(section) => {
                let mut functions = 0;
                for export in section.clone() {
                    functions += usize::from(export?.kind == ComponentExternalKind::Func);
                }
                items.push(Item::Exports { section, functions });
            }
            Payload::ComponentImportSection(section) => {
                let mut functions = 0;
                for import in section {
                    match import?.ty {
                        ComponentTypeRef::Func(_) => functions += 1,
                        ComponentTypeRef::Module(_) => return Err(NotDirect::OtherForm("imports a module")),
                        _ => {}
                    }
                }
                items.extend(other(functions));
            }
            Payload::Version { encoding: Encoding::Component, .. } | Payload::End(_) => {}
            Payload::ComponentTypeSection(types) => {
                for defined in types {
                    // Its destructor is a core function.
                    if matches!(defined?, ComponentType::Resource { .. }) {
                        return Err(NotDirect::OtherForm("a resource of its own"));
                    }
                }
                items.extend(other(0));
            }
            Payload::CoreTypeSection(_) | Payload::CustomSection(_) => items.extend(other(0)),
            _ => return Err(NotDirect::OtherForm("a part of an unknown kind")),
        }
    }
    Ok(items)
}

fn push_all<'a, T>(
    items: &mut Vec<Item<'a>>,
    section: impl IntoIterator<Item = wasmparser::Result<T>>,
    item: impl Fn(T) -> Item<'a>,
) -> Result<(), NotDirect> {
    for definition in section {
        items.push(item(definition?));
    }
    Ok(())
}

impl<'a> Form<'a> {
    /// Recognises the parts.
    ///
    /// # Errors
    /// They are others, or more.
    pub(super) fn of(items: &'a [Item<'a>]) -> Result<Self, NotDirect> {
        Definitions::of(items).form().ok_or(NotDirect::OtherForm("no shim, or more modules than one"))
    }

    /// Which of the functions the shim calls so.
    pub(super) fn of_label(&self, label: &str) -> Option<u32> {
        self.by_label.get(label).copied()
    }

    /// Which of them this function of the component is.
    pub(super) fn of_function(&self, index: u32) -> Option<u32> {
        self.by_function.get(&index).copied()
    }

    /// Which of them is lowered to this core function.
    pub(super) fn of_lowered(&self, index: u32) -> Option<u32> {
        self.by_lowered.get(&index).copied()
    }
}

/// What is defined, by kind and index.
#[derive(Default)]
struct Definitions<'a> {
    modules: Vec<&'a [u8]>,
    core_instances: Vec<&'a Instance<'a>>,
    core_functions: Vec<CoreFunction<'a>>,
    memories: Vec<u32>,
    tables: Vec<(u32, &'a str)>,
    /// Where a function of the component is from, if it is another instance's.
    functions: Vec<Option<(u32, &'a str)>>,
}

impl<'a> Definitions<'a> {
    fn of(items: &'a [Item<'a>]) -> Self {
        let mut all = Self::default();
        items.iter().for_each(|item| all.add(item));
        all
    }

    fn add(&mut self, item: &'a Item<'a>) {
        match item {
            Item::Module(module) => self.modules.push(module),
            Item::CoreInstance(instance) => self.core_instances.push(instance),
            Item::Alias(ComponentAlias::CoreInstanceExport { kind, instance_index: instance, name }) => match kind {
                ExternalKind::Memory => self.memories.push(*instance),
                ExternalKind::Table => self.tables.push((*instance, name)),
                ExternalKind::Func => {
                    self.core_functions.push(CoreFunction::Exported { instance: *instance, name });
                }
                _ => {}
            },
            Item::Alias(ComponentAlias::InstanceExport { kind: ComponentExternalKind::Func, instance_index, name }) => {
                self.functions.push(Some((*instance_index, name)))
            }
            Item::Canonical(CanonicalFunction::Lift { .. }) => self.functions.push(None),
            Item::Canonical(CanonicalFunction::Lower { func_index, options }) => {
                self.core_functions.push(CoreFunction::Lowered { function: *func_index, options });
            }
            Item::Canonical(_) => self.core_functions.push(CoreFunction::Other),
            Item::Other { functions, .. } | Item::Exports { functions, .. } => {
                self.functions.extend(std::iter::repeat_n(None, *functions))
            }
            Item::Alias(_) | Item::Instances(_) => {}
        }
    }

    fn form(&self) -> Option<Form<'a>> {
        let [main] = self.memories.as_slice() else { return None };
        let main = self.placed(*main)?;
        let fix_up = self.placed(u32::try_from(self.core_instances.len()).ok()?.checked_sub(1)?)?;
        let fix_up_arguments = fix_up.instance.checked_sub(1)?;
        let Instance::FromExports(given) = self.core_instance(fix_up_arguments)? else { return None };
        let shim = self.placed(self.shim_of(fix_up.instance, &[fix_up_arguments, main.instance])?)?;
        let instantiated = self.core_instances.iter().filter(|one| matches!(one, Instance::Instantiate { .. }));
        if instantiated.count() != 3 || shim == main || main == fix_up || shim == fix_up {
            return None;
        }
        let functions: Vec<_> = given
            .iter()
            .filter(|export| export.kind == ExternalKind::Func)
            .map(|export| self.host_function(export))
            .collect::<Option<_>>()?;
        shim::passes_on(self.module(shim.module)?, functions.len())?;
        shim::fills_in(self.module(fix_up.module)?, functions.len())?;
        let allocator = self.allocator(&functions, main.instance)?;
        let main_module = self.module(main.module)?;
        Some(Form {
            by_label: functions.iter().map(|function| function.label).zip(0..).collect(),
            by_function: functions.iter().map(|function| function.function).zip(0..).collect(),
            by_lowered: functions.iter().map(|function| function.lowered).zip(0..).collect(),
            shim,
            main,
            fix_up,
            fix_up_arguments,
            functions,
            main_module,
            allocator,
        })
    }

    /// Whose table is filled in: that of another argument; or, as before version 0.258, one that is given with the functions.
    fn shim_of(&self, fix_up: u32, known: &[u32]) -> Option<u32> {
        let Instance::Instantiate { args, .. } = self.core_instance(fix_up)? else { return None };
        let others: Vec<_> =
            args.iter().map(|argument| argument.index).filter(|index| !known.contains(index)).collect();
        match (others.as_slice(), self.tables.as_slice()) {
            ([shim], []) | ([], [(shim, TABLE)]) => Some(*shim),
            _ => None,
        }
    }

    fn module(&self, index: u32) -> Option<&'a [u8]> {
        self.modules.get(usize::try_from(index).ok()?).copied()
    }

    fn core_instance(&self, index: u32) -> Option<&'a Instance<'a>> {
        self.core_instances.get(usize::try_from(index).ok()?).copied()
    }

    fn placed(&self, instance: u32) -> Option<Placed> {
        let Instance::Instantiate { module_index, .. } = self.core_instance(instance)? else { return None };
        Some(Placed { module: *module_index, instance })
    }

    fn core_function(&self, index: u32) -> Option<&CoreFunction<'a>> {
        self.core_functions.get(usize::try_from(index).ok()?)
    }

    fn host_function(&self, export: &Export<'a>) -> Option<HostFunction<'a>> {
        let CoreFunction::Lowered { function, options } = *self.core_function(export.index)? else { return None };
        let (instance, name) = (*self.functions.get(usize::try_from(function).ok()?)?)?;
        Some(HostFunction { label: export.name, function, instance, name, lowered: export.index, options })
    }

    /// The one allocator that all of them use.
    fn allocator(&self, functions: &[HostFunction<'a>], main: u32) -> Option<&'a str> {
        let mut allocators = functions.iter().flat_map(|function| function.options).filter_map(|option| match option {
            CanonicalOption::Realloc(index) => Some(*index),
            _ => None,
        });
        let index = allocators.next()?;
        let CoreFunction::Exported { instance, name } = *self.core_function(index)? else { return None };
        (instance == main && allocators.all(|other| other == index)).then_some(name)
    }
}
