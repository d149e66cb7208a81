//! What the modules around the main one do: what is taken for a shim must be nothing more than one.
//!
//! Each answer is `None` where a module does anything else, or cannot be read.

use wasmparser::{ElementItems, ElementKind, FunctionBody, Operator, Parser, Payload, TypeRef};

/// A shim: its functions pass their arguments on to the function at their place in its table, and are called by that place.
pub(super) fn passes_on(shim: &[u8], functions: usize) -> Option<()> {
    let (mut tables, mut bodies, mut exported) = (0, 0, 0);
    for payload in Parser::new(0).parse_all(shim) {
        match payload.ok()? {
            Payload::TableSection(section) => tables += section.count(),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    if export.kind == wasmparser::ExternalKind::Func {
                        exported += 1;
                        (export.name == export.index.to_string()).then_some(())?;
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                calls_its_place(&body, bodies)?;
                bodies += 1;
            }
            other => does_nothing(&other)?,
        }
    }
    let all = usize::try_from(bodies).ok()?;
    (tables == 1 && bodies == exported && all == functions).then_some(())
}

fn calls_its_place(body: &FunctionBody<'_>, place: i32) -> Option<()> {
    let mut operators = body.get_operators_reader().ok()?.into_iter();
    let mut arguments = 0;
    loop {
        match operators.next()?.ok()? {
            Operator::LocalGet { local_index } if local_index == arguments => arguments += 1,
            Operator::I32Const { value } if value == place => break,
            _ => return None,
        }
    }
    matches!(operators.next()?.ok()?, Operator::CallIndirect { table_index: 0, .. }).then_some(())?;
    matches!(operators.next()?.ok()?, Operator::End).then_some(())
}

/// A fix-up: it puts the functions that it imports by their places at these, and starts nothing.
pub(super) fn fills_in(fix_up: &[u8], functions: usize) -> Option<()> {
    let (mut imported, mut filled) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(fix_up) {
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    match import.ty {
                        TypeRef::Func(_) => imported.push(import.name),
                        TypeRef::Table(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.ok()?;
                    let ElementKind::Active { table_index: None | Some(0), offset_expr } = element.kind else {
                        return None;
                    };
                    let mut offset = offset_expr.get_operators_reader().into_iter();
                    matches!(offset.next()?.ok()?, Operator::I32Const { value: 0 }).then_some(())?;
                    let ElementItems::Functions(items) = element.items else { return None };
                    for function in items {
                        let name = imported.get(usize::try_from(function.ok()?).ok()?)?;
                        (*name == filled.to_string()).then_some(())?;
                        filled += 1;
                    }
                }
            }
            other => does_nothing(&other)?,
        }
    }
    (filled == functions).then_some(())
}

fn does_nothing(payload: &Payload<'_>) -> Option<()> {
    let nothing = match payload {
        Payload::Version { .. }
        | Payload::TypeSection(_)
        | Payload::FunctionSection(_)
        | Payload::CodeSectionStart { .. }
        | Payload::CustomSection(_)
        | Payload::End(_) => true,
        // Every module of an image has one.
        Payload::DataSection(data) => data.count() == 0,
        _ => false,
    };
    nothing.then_some(())
}
