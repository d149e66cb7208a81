//! How many units a request takes.

use tidegate_plugin_sdk::Request;

use crate::config::Config;

/// The price list.
#[derive(Debug)]
pub(crate) struct Cost {
    usual: u32,
    by_method: Vec<(String, u32)>,
}

impl Cost {
    pub(crate) fn new(config: &Config) -> Self {
        let by_method = config.cost_by_method.iter().map(|(method, cost)| (method.clone(), *cost)).collect();
        Self { usual: config.cost, by_method }
    }

    /// Units this request takes; the method is asked for only where it matters.
    pub(crate) fn of(&self, request: &Request) -> u32 {
        if self.by_method.is_empty() {
            return self.usual;
        }
        let method = request.method();
        self.by_method.iter().find(|(name, _)| *name == method).map_or(self.usual, |(_, cost)| *cost)
    }
}
