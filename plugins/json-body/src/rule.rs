//! Rules, prepared, and which parts of a body they mean.

use tidegate_plugin_sdk::Problem;

use crate::config::{Action, WrittenRule};

/// The rules for one direction.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    steps: Vec<Step>,
    effect: Effect,
}

/// What becomes of a part; where rules differ about the same one, the greater wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// This JSON text takes its place.
    Redact(String),
    /// It goes, with its name.
    Remove,
    /// The whole message is refused.
    Reject,
}

/// One step of a pointer.
#[derive(Debug)]
pub(crate) enum Step {
    Every,
    /// A name; and the index of an element, where it can be one.
    Named {
        name: Name,
        index: Option<usize>,
    },
}

/// How a name is compared.
#[derive(Debug)]
pub(crate) enum Name {
    Exact(String),
    /// Folded.
    AnyCase(String),
}

/// Where a part is in what contains it.
pub(crate) enum Place<'p> {
    Member(&'p str),
    Element(usize),
}

impl Rules {
    /// Prepares what is written at this place, and notes what is wrong with it.
    pub(crate) fn new(written: Vec<WrittenRule>, at: &str, ignore_case: bool, problems: &mut Vec<Problem>) -> Self {
        let mut rules = Vec::new();
        for (index, rule) in written.into_iter().enumerate() {
            if rule.with.is_some() && rule.action != Action::Redact {
                let message = "has a meaning only with `action = \"redact\"`";
                problems.push(Problem::at(format!("{at}[{index}].with"), message));
            }
            match steps(&rule.pointer, ignore_case) {
                Ok(steps) => rules.push(Rule { steps, effect: effect(&rule) }),
                Err(why) => problems.push(Problem::at(format!("{at}[{index}].pointer"), why)),
            }
        }
        Self { rules }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule refuses whole messages.
    pub(crate) fn reject(&self) -> bool {
        self.rules.iter().any(|rule| rule.effect == Effect::Reject)
    }

    /// Whether a rule changes bodies.
    pub(crate) fn change(&self) -> bool {
        self.rules.iter().any(|rule| rule.effect != Effect::Reject)
    }

    /// All of them, for the whole of a body.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (&[Step], &Effect)> {
        self.rules.iter().map(|rule| (rule.steps.as_slice(), &rule.effect))
    }
}

impl Step {
    /// Whether it leads to this place.
    pub(crate) fn means(&self, place: &Place<'_>) -> bool {
        match (self, place) {
            (Self::Every, _) => true,
            (Self::Named { name, .. }, Place::Member(member)) => name.means(member),
            (Self::Named { index, .. }, Place::Element(element)) => index.as_ref() == Some(element),
        }
    }
}

impl Name {
    fn means(&self, member: &str) -> bool {
        match self {
            Self::Exact(name) => name == member,
            Self::AnyCase(name) => name.chars().eq(member.chars().map(fold)),
        }
    }
}

fn effect(rule: &WrittenRule) -> Effect {
    match (rule.action, &rule.with) {
        (Action::Redact, Some(with)) => Effect::Redact(with.to_string()),
        (Action::Redact, None) => Effect::Redact("\"***\"".to_owned()),
        (Action::Remove, _) => Effect::Remove,
        (Action::Reject, _) => Effect::Reject,
    }
}

/// RFC 6901 section 3.
fn steps(pointer: &str, ignore_case: bool) -> Result<Vec<Step>, String> {
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err(format!("{pointer:?} is no pointer to a part; it starts with `/`, as in \"/user/password\""));
    };
    rest.split('/').map(|token| step(token, ignore_case)).collect()
}

fn step(token: &str, ignore_case: bool) -> Result<Step, String> {
    if token == "*" {
        return Ok(Step::Every);
    }
    let mut escapes = token.split('~').skip(1);
    if !escapes.all(|rest| rest.starts_with(['0', '1'])) {
        return Err(format!("{token:?} has a `~` that is neither `~0` (a tilde) nor `~1` (a slash)"));
    }
    let name = token.replace("~1", "/").replace("~0", "~");
    let is_index = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    let index = if is_index { token.parse().ok() } else { None };
    let name = if ignore_case { Name::AnyCase(name.chars().map(fold).collect()) } else { Name::Exact(name) };
    Ok(Step::Named { name, index })
}

/// As readers that ignore case do: beside the letters of ASCII, the long s and the sign for kelvin are s and k to them.
fn fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}
