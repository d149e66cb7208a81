//! Edits applied to Pingora's heads.

use pingora_http::{RequestHeader, ResponseHeader};

use crate::policy::chain::{RequestHead, ResponseHead};
use crate::policy::decision::{Edit, EditableHead};

impl EditableHead for RequestHeader {
    fn apply(&mut self, edit: &Edit) {
        // An edit holds a legal name and value, the only things that these calls refuse.
        let _ = match edit {
            Edit::Set(name, value) => self.insert_header(name.clone(), value.clone()),
            Edit::Append(name, value) => self.append_header(name.clone(), value.clone()).map(drop),
            Edit::Remove(name) => {
                self.remove_header(name);
                Ok(())
            }
        };
    }
}

impl RequestHead for RequestHeader {
    fn parts(&self) -> &http::request::Parts {
        self.as_ref()
    }
}

impl EditableHead for ResponseHeader {
    fn apply(&mut self, edit: &Edit) {
        let _ = match edit {
            Edit::Set(name, value) => self.insert_header(name.clone(), value.clone()),
            Edit::Append(name, value) => self.append_header(name.clone(), value.clone()).map(drop),
            Edit::Remove(name) => {
                self.remove_header(name);
                Ok(())
            }
        };
    }
}

impl ResponseHead for ResponseHeader {
    fn parts(&self) -> &http::response::Parts {
        self.as_ref()
    }
}
