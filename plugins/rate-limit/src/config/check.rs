//! What types do not say.

use tidegate_plugin_sdk::Problem;

use super::{Algorithm, Config, Limit, Placed};

/// More limits than anybody needs: each is a counter to be taken from, for every request.
const MOST: usize = 8;

/// Every problem of limits and costs.
pub(super) fn problems(config: &Config, placed: &[Placed]) -> Vec<Problem> {
    let too_many = (placed.len() > MOST).then(|| Problem::at("limits", format!("may hold at most {MOST} limits")));
    let limits = placed.iter().flat_map(of_limit);
    let twins = placed
        .iter()
        .enumerate()
        .filter_map(|(index, second)| placed.iter().take(index).find_map(|first| twin(first, second)));
    let costs = costs(config, placed);
    too_many.into_iter().chain(limits).chain(twins).chain(costs).collect()
}

fn of_limit(Placed { at, limit }: &Placed) -> impl Iterator<Item = Problem> {
    let zero = (limit.limit == 0).then(|| Problem::at(format!("{at}limit"), "must be at least 1"));
    let burst = burst(limit).map(|message| Problem::at(format!("{at}burst"), message));
    let name = limit.name.as_ref().filter(|name| !is_name(name));
    let name = name.map(|_| {
        Problem::at(format!("{at}name"), "must be 1 to 64 characters of printable ASCII without quotes and backslashes")
    });
    [zero, burst, name].into_iter().flatten()
}

fn burst(limit: &Limit) -> Option<&'static str> {
    match (limit.burst?, limit.algorithm) {
        (_, Algorithm::Window | Algorithm::Sliding) => Some("has a meaning only with `algorithm = \"gcra\"`"),
        (0, Algorithm::Gcra) => Some("must be at least 1"),
        _ => None,
    }
}

/// A structured-field string (RFC 9651 section 3.3.3) without the two characters that need escaping, no longer than the
/// gateway takes.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Two limits that would share a count, or that clients could not tell apart.
fn twin(first: &Placed, second: &Placed) -> Option<Problem> {
    let (one, other) = (&first.limit, &second.limit);
    if (one.window, one.algorithm) == (other.window, other.algorithm) {
        return Some(Problem::at(format!("{}window", second.at), "another limit has this window and this algorithm"));
    }
    (one.name() == other.name())
        .then(|| Problem::at(format!("{}name", second.at), format!("another limit is called {:?}", one.name())))
}

fn costs(config: &Config, placed: &[Placed]) -> impl Iterator<Item = Problem> {
    let smallest = placed.iter().map(|placed| placed.limit.capacity()).min().unwrap_or(0).max(1);
    let too_much = move |at: String, cost| {
        (cost > smallest).then(|| {
            Problem::at(
                at,
                format!("no request would ever pass: {smallest} units is the most that can be taken at once"),
            )
        })
    };
    let zero = (config.cost == 0).then(|| Problem::at("cost", "must be at least 1; `cost_by_method` may say 0"));
    let fixed = too_much("cost".to_owned(), config.cost);
    let methods = config.cost_by_method.iter().flat_map(move |(method, cost)| {
        let at = format!("cost_by_method.{method}");
        [not_a_method(&at, method), too_much(at, *cost)].into_iter().flatten()
    });
    zero.into_iter().chain(fixed).chain(methods)
}

/// Methods are told apart by case (RFC 9110 section 9.1): `get` in a configuration would never be met.
fn not_a_method(at: &str, method: &str) -> Option<Problem> {
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    (!is_method).then(|| Problem::at(at, "is no method; write it in capitals, such as POST"))
}
