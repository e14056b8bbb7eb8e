//! Alerts [CB-4.8].

use super::super::types::Type::*;
use super::super::validator::{Child, Times, may, must};
use super::sets::nvset;
use super::{V, empty, section};
use crate::xml::NodeIx;
use Times::{Any, Optional};

pub(super) fn alert(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), must("path", Text), may("description", Text)]);
    v.children(
        n,
        &[
            ("meta_attributes", Any, nvset),
            ("instance_attributes", Any, nvset),
            ("select", Optional, |v, n| {
                let children: [Child; 4] = [
                    ("select_attributes", Optional, |v, n| section(v, n, &[("attribute", Any, alert_attribute)])),
                    ("select_fencing", Optional, empty),
                    ("select_nodes", Optional, empty),
                    ("select_resources", Optional, empty),
                ];
                section(v, n, &children);
            }),
            ("recipient", Any, |v, n| {
                v.attributes(n, &[must("id", Id), must("value", Text), may("description", Text)]);
                v.children(n, &[("meta_attributes", Any, nvset), ("instance_attributes", Any, nvset)]);
            }),
        ],
    );
}

fn alert_attribute(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), must("name", Text)]);
    v.children(n, &[]);
}
