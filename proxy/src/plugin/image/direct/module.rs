//! A module made two: what it does, and the memory it does it in.

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, MemorySection, Module, RefType, SectionId, TableSection, TableType, TypeSection,
    ValType,
};
use wasmparser::{Data, DataKind, ExternalKind, MemoryType, Parser, Payload, TypeRef};

/// What the module imports its memory from.
pub(super) const HOLDER: &str = "memory-holder";
pub(super) const MEMORY: &str = "memory";
/// Calls the module's allocator.
pub(super) const ALLOCATOR: &str = "allocator";
/// Its one place is for the module's allocator.
const TABLE: &str = "table";
const TABLE_TYPE: TableType =
    TableType { element_type: RefType::FUNCREF, table64: false, minimum: 1, maximum: Some(1), shared: false };

/// A module made two.
pub(super) struct Split {
    /// Has the memory, what is in it at first, and a function that calls the module's allocator.
    pub(super) holder: Module,
    /// The module, which imports the memory.
    pub(super) module: Module,
}

/// Why a module stays whole, or an error that was met while reading it.
pub(super) type Whole = Error<&'static str>;

/// Takes the memory out of a module that exports its allocator by this name.
///
/// # Errors
/// It has not one memory of its own, or cannot be read.
pub(super) fn split(module: &[u8], allocator: &str) -> Result<Split, Whole> {
    let parts = Parts::of(module, allocator)?;
    let mut remainder = Remainder { parts: &parts, allocator_is_placed: false };
    let mut rewritten = Module::new();
    remainder.parse_core_module(&mut rewritten, Parser::new(0), module)?;
    Ok(Split { holder: parts.holder(), module: rewritten })
}

/// What is taken out, and what that takes.
struct Parts {
    memory: MemoryType,
    data: DataSection,
    /// Index of the allocator among the functions.
    allocator: u32,
    /// How many data keep their places: all up to the last that code copies by its index.
    data_that_stay: u32,
}

/// [`Parts`] as far as they were read.
#[derive(Default)]
struct Found {
    memory: Option<MemoryType>,
    data: DataSection,
    allocator: Option<u32>,
    data_that_stay: u32,
    /// Code names data only where these are counted before it.
    data_are_counted: bool,
}

impl Parts {
    fn of(module: &[u8], allocator: &str) -> Result<Self, Whole> {
        let mut found = Found::default();
        for payload in Parser::new(0).parse_all(module) {
            found.add(payload?, allocator)?;
        }
        let Found { memory: Some(memory), data, allocator: Some(allocator), .. } = found else {
            return Err(Error::UserError("a module without a memory or an allocator"));
        };
        let data_that_stay = if found.data_are_counted { found.data_that_stay } else { 0 };
        Ok(Self { memory, data, allocator, data_that_stay })
    }

    fn holder(&self) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut tables = TableSection::new();
        tables.table(TABLE_TYPE);
        let mut memories = MemorySection::new();
        memories.memory(self.memory.into());
        let mut exports = ExportSection::new();
        exports.export(MEMORY, ExportKind::Memory, 0).export(TABLE, ExportKind::Table, 0);
        exports.export(ALLOCATOR, ExportKind::Func, 0);
        let mut call = Function::new([]);
        let mut body = call.instructions();
        body.local_get(0).local_get(1).local_get(2).local_get(3).i32_const(0).call_indirect(0, 0).end();
        let mut code = CodeSection::new();
        code.function(&call);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables).section(&memories).section(&exports);
        module.section(&code).section(&self.data);
        module
    }
}

impl Found {
    fn add(&mut self, payload: Payload<'_>, allocator: &str) -> Result<(), Whole> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if !matches!(import?.ty, TypeRef::Func(_)) {
                        return Err(Error::UserError("a module that imports more than functions"));
                    }
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    if self.memory.replace(memory?).is_some() {
                        return Err(Error::UserError("a module with several memories"));
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func && export.name == allocator {
                        self.allocator = Some(export.index);
                    }
                }
            }
            Payload::DataCountSection { .. } => self.data_are_counted = true,
            Payload::DataSection(data) => {
                for (datum, place) in data.into_iter().zip(1..) {
                    let datum = datum?;
                    match datum.kind {
                        DataKind::Passive => self.data_that_stay = place,
                        DataKind::Active { .. } => Verbatim.parse_data(&mut self.data, datum)?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Writes as it was read.
struct Verbatim;

impl Reencode for Verbatim {
    type Error = &'static str;
}

/// Writes the module without what is taken out.
struct Remainder<'p> {
    parts: &'p Parts,
    allocator_is_placed: bool,
}

impl Remainder<'_> {
    /// Puts the allocator where the memory's holder calls it.
    fn place_allocator(&mut self, elements: &mut ElementSection) {
        let allocator = [self.parts.allocator];
        elements.active(Some(0), &ConstExpr::i32_const(0), Elements::Functions(allocator.as_slice().into()));
        self.allocator_is_placed = true;
    }
}

impl Reencode for Remainder<'_> {
    type Error = &'static str;

    /// The imported one comes first.
    fn table_index(&mut self, table: u32) -> Result<u32, Whole> {
        Ok(table.saturating_add(1))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Whole> {
        utils::parse_import_section(self, imports, section)?;
        let memory = self.memory_type(self.parts.memory)?;
        imports.import(HOLDER, MEMORY, memory).import(HOLDER, TABLE, TABLE_TYPE);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        _: &mut MemorySection,
        _: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), Whole> {
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: wasmparser::ElementSectionReader<'_>,
    ) -> Result<(), Whole> {
        utils::parse_element_section(self, elements, section)?;
        self.place_allocator(elements);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Whole> {
        if matches!(before, Some(SectionId::DataCount | SectionId::Code)) && !self.allocator_is_placed {
            let mut elements = ElementSection::new();
            self.place_allocator(&mut elements);
            module.section(&elements);
        }
        Ok(())
    }

    fn data_count(&mut self, _: u32) -> Result<u32, Whole> {
        Ok(self.parts.data_that_stay)
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: wasmparser::DataSectionReader<'_>,
    ) -> Result<(), Whole> {
        for (datum, _) in section.into_iter().zip(0..self.parts.data_that_stay) {
            match datum? {
                datum @ Data { kind: DataKind::Passive, .. } => self.parse_data(data, datum)?,
                // Keeps the places of those behind it.
                _ => {
                    data.passive([]);
                }
            }
        }
        Ok(())
    }
}
