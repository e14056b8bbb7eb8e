//! `rsc_order`: orderings from the configuration `[OR-3]`.

use cib_core::rules::{HealthScores, Score, parse_boolean};

use super::relate::order;
use crate::actions;
use crate::config::reference;
use crate::model::{ActionIx, Element, End, Kinds, Model, ResourceIx, Task};

/// How strictly an ordering holds `[OR-3.3]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Strictness {
    Mandatory,
    Optional,
    Serialize,
}

/// Which half of an ordering a constraint is `[OR-3.5]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Symmetry {
    Asymmetric,
    Symmetric,
    Inverse,
}

/// The inverse of a task, if it has one `[OR-3.5]`.
fn inverse(task: Task) -> Option<Task> {
    Some(match task {
        Task::Start => Task::Stop,
        Task::Stop => Task::Start,
        Task::Promote => Task::Demote,
        Task::Demote => Task::Promote,
        Task::Promoted => Task::Demoted,
        Task::Demoted => Task::Promoted,
        Task::Running => Task::Stopped,
        Task::Stopped => Task::Running,
        _ => return None,
    })
}

/// The kind set of a constraint `[OR-3.5]`.
fn kinds(strictness: Strictness, symmetry: Symmetry, first: Task) -> Kinds {
    match (strictness, symmetry) {
        (Strictness::Mandatory, Symmetry::Asymmetric) => Kinds::ORDERED | Kinds::ASYMMETRIC,
        (Strictness::Mandatory, Symmetry::Symmetric) => {
            let up = matches!(first, Task::Start | Task::Promote | Task::MigrateFrom);
            let blocks = if up { Kinds::BLOCKS } else { Kinds::NONE };
            Kinds::ORDERED | Kinds::FIRST_IMPLIES_THEN | blocks
        }
        (Strictness::Mandatory, Symmetry::Inverse) => Kinds::ORDERED | Kinds::THEN_IMPLIES_FIRST,
        (Strictness::Optional, _) => Kinds::ORDERED,
        (Strictness::Serialize, _) => Kinds::SERIALIZE,
    }
}

/// Said once `[IN-15.4]`.
const OLD_SCORE: &str = "Support for 'score' in rsc_order is deprecated and will be removed in a future release (use 'kind' \
                         instead)";

/// Strictness of an element that has `kind` or `score`; `inherited` if it has neither `[OR-3.3]`.
fn strictness(m: &mut Model, element: Element, inherited: Strictness) -> Strictness {
    match m.config.attr(element, "kind") {
        Some("Mandatory") => return Strictness::Mandatory,
        Some("Optional") => return Strictness::Optional,
        Some("Serialize") => return Strictness::Serialize,
        Some(other) => {
            let id = m.config.id(element).unwrap_or_default();
            let text = format!("Resetting 'kind' for constraint {id} to 'Mandatory' because '{other}' is not valid");
            m.config_error(text);
            return Strictness::Mandatory;
        }
        None => {}
    }
    if m.config.attr(element, "score").is_some() && m.messages.iter().all(|message| message.text != OLD_SCORE) {
        m.config_warning(OLD_SCORE);
    }
    match m.config.attr(element, "score") {
        Some(score) if Score::parse(score, &HealthScores::default()).is_ok_and(|s| s != Score::ZERO) => {
            Strictness::Mandatory
        }
        Some(_) => Strictness::Optional,
        None => inherited,
    }
}

/// Whether an element is symmetrical; a set inherits the setting of its constraint `[OR-3.4]`.
fn symmetry(m: &mut Model, element: Element, constraint: Option<(Element, Strictness)>) -> Symmetry {
    let strict = strictness(m, element, constraint.map_or(Strictness::Mandatory, |(_, strict)| strict));
    let setting = [Some(element), constraint.map(|(element, _)| element)]
        .into_iter()
        .flatten()
        .find_map(|e| m.config.attr(e, "symmetrical").and_then(parse_boolean));
    match setting {
        Some(true) if strict == Strictness::Serialize => {
            let id = m.config.id(element).unwrap_or_default();
            let text = format!("Ignoring 'symmetrical' for '{id}' because not valid with 'kind' of 'Serialize'");
            m.config_warning(text);
            Symmetry::Asymmetric
        }
        Some(true) => Symmetry::Symmetric,
        Some(false) => Symmetry::Asymmetric,
        None if strict == Strictness::Serialize => Symmetry::Asymmetric,
        None => Symmetry::Symmetric,
    }
}

/// Stores an `rsc_order` whose templates and tags are already expanded `[OR-3]`.
pub fn unpack_order(m: &mut Model, constraint: Element) {
    let strict = strictness(m, constraint, Strictness::Mandatory);
    let symmetry = symmetry(m, constraint, None);
    let sets = reference::sets(m, constraint);
    if sets.is_empty() {
        unpack_simple(m, constraint, strict, symmetry);
        return;
    }
    let mut previous: Option<Set> = None;
    for element in sets {
        let Some(set) = Set::read(m, element) else { return };
        order_inside(m, &set, constraint, strict);
        if let Some(previous) = &previous {
            order_between(m, previous, &set, strict, symmetry, false);
            if symmetry == Symmetry::Symmetric {
                order_between(m, &set, previous, strict, Symmetry::Inverse, true);
            }
        }
        previous = Some(set);
    }
}

fn task_attr(m: &mut Model, element: Element, name: &str) -> Option<Task> {
    let Model { config, symbols, .. } = m;
    config.attr(element, name).map(|text| Task::parse(text, symbols))
}

fn end_of(m: &mut Model, constraint: Element, attr: &str) -> Option<ResourceIx> {
    let id = m.config.id(constraint).unwrap_or_default();
    let id = id.to_owned();
    let Some(name) = m.config.attr(constraint, attr).map(str::to_owned) else {
        let text = format!("Ignoring constraint '{id}' without {attr}");
        m.config_error(text);
        return None;
    };
    let found = reference::resource(m, &name);
    if found.is_none() {
        let text = format!("Ignoring constraint '{id}' because resource '{name}' does not exist");
        m.config_error(text);
    }
    found
}

/// The form with `first` and `then` `[OR-3.6]`.
fn unpack_simple(m: &mut Model, constraint: Element, strict: Strictness, symmetry: Symmetry) {
    let (Some(first), Some(then)) = (end_of(m, constraint, "first"), end_of(m, constraint, "then")) else { return };
    let first_task = task_attr(m, constraint, "first-action").unwrap_or(Task::Start);
    let then_task = task_attr(m, constraint, "then-action").unwrap_or(first_task);
    let forward = kinds(strict, symmetry, first_task);
    let minimum = minimum_instances(m, constraint, first);
    if minimum > 0 {
        let name = format!("clone-one-or-more:{}", m.config.id(constraint).unwrap_or_default());
        let gate = gate(m, &name, minimum);
        for instance in m[first].children.clone() {
            order(m, (instance, first_task), gate, Kinds::MIN_RUNNABLE | Kinds::SHOWS_THEN);
        }
        order(m, gate, (then, then_task), forward | Kinds::BLOCKS);
    } else {
        order(m, (first, first_task), (then, then_task), forward);
    }
    if symmetry == Symmetry::Symmetric
        && let (Some(first_inverse), Some(then_inverse)) = (inverse(first_task), inverse(then_task))
    {
        let back = kinds(strict, Symmetry::Inverse, then_inverse);
        order(m, (then, then_inverse), (first, first_inverse), back);
    }
}

/// How many instances of a first clone suffice, 0 for the usual ordering `[CL-13.1]`.
fn minimum_instances(m: &mut Model, constraint: Element, first: ResourceIx) -> i32 {
    let Some(clone) = m[first].clone_state() else { return 0 };
    if let Some(minimum) = clone.clone_min {
        return minimum.max(0);
    }
    let Some(setting) = m.config.attr(constraint, "require-all").map(parse_boolean) else { return 0 };
    m.config_warning(
        "Support for require-all in ordering constraints is deprecated and will be removed in a future release \
         (use clone-min clone meta-attribute instead)",
    );
    i32::from(setting != Some(true))
}

/// The pseudo-action that runs when enough of its firsts can.
fn gate(m: &mut Model, name: &str, minimum: i32) -> ActionIx {
    let (gate, _) = actions::singleton(m, name);
    m[gate].required_count = minimum;
    gate
}

/// A `resource_set` of an ordering `[OR-3.7]`.
struct Set {
    element: Element,
    id: String,
    resources: Vec<ResourceIx>,
    task: Task,
    /// Explicitly sequential; inside a set the default is true, between sets false.
    sequential: Option<bool>,
    require_all: bool,
}

impl Set {
    fn read(m: &mut Model, element: Element) -> Option<Set> {
        let resources = match reference::members(m, element) {
            Ok(resources) => resources,
            Err((_, unknown)) => {
                let id = m.config.id(element).unwrap_or_default();
                let text = format!("{id}: No resource found for {unknown}");
                m.config_error(text);
                return None;
            }
        };
        let flag = |name: &str| m.config.attr(element, name).and_then(parse_boolean);
        let (sequential, require_all) = (flag("sequential"), flag("require-all").unwrap_or(true));
        let id = m.config.id(element).unwrap_or_default().to_owned();
        let task = task_attr(m, element, "action").unwrap_or(Task::Start);
        Some(Set { element, id, resources, task, sequential, require_all })
    }
}

/// Orderings among the members of one set `[OR-3.7.1]`.
fn order_inside(m: &mut Model, set: &Set, constraint: Element, inherited: Strictness) {
    let symmetry = symmetry(m, set.element, Some((constraint, inherited)));
    // Only the attribute `kind` of a set is looked at here, not its score.
    let strict =
        if m.config.attr(set.element, "kind").is_some() { strictness(m, set.element, inherited) } else { inherited };
    if set.resources.len() < 2 {
        return;
    }
    let sequential = set.sequential.unwrap_or(true);
    let forward = kinds(strict, symmetry, set.task);
    if strict == Strictness::Serialize {
        for (at, &first) in set.resources.iter().enumerate() {
            for &then in &set.resources[at + 1..] {
                order(m, (first, set.task), (then, set.task), Kinds::SERIALIZE);
            }
        }
    } else if sequential {
        for pair in set.resources.windows(2) {
            order(m, (pair[0], set.task), (pair[1], set.task), forward);
        }
    }
    if symmetry == Symmetry::Symmetric
        && sequential
        && let Some(inverse) = inverse(set.task)
    {
        let back = kinds(strict, Symmetry::Inverse, inverse);
        for pair in set.resources.windows(2) {
            order(m, (pair[1], inverse), (pair[0], inverse), back);
        }
    }
}

/// Orderings between two sets; `inverted` when `one` is the later set and both let go `[OR-3.7.2]`.
fn order_between(m: &mut Model, one: &Set, two: &Set, strict: Strictness, symmetry: Symmetry, inverted: bool) {
    let task = |set: &Set| if inverted { inverse(set.task) } else { Some(set.task) };
    let (Some(first), Some(then)) = (task(one), task(two)) else { return };
    let kinds = kinds(strict, symmetry, first);
    let require_all = one.require_all || matches!(first, Task::Stop | Task::Demote);
    if !require_all {
        let gate = gate(m, &format!("one-or-more:{}", one.id), 1);
        for &r in &one.resources {
            order(m, (r, first), gate, Kinds::MIN_RUNNABLE | Kinds::SHOWS_THEN);
        }
        for &r in &two.resources {
            order(m, gate, (r, then), kinds | Kinds::BLOCKS);
        }
        return;
    }
    for &r1 in edge(one, !inverted) {
        for &r2 in edge(two, inverted) {
            order(m, End::op(r1, first), End::op(r2, then), kinds);
        }
    }
}

/// The member of a sequential set that faces the other set; all members of any other.
fn edge(set: &Set, last: bool) -> &[ResourceIx] {
    let all = &set.resources[..];
    match all {
        [first, .., end] if set.sequential == Some(true) => std::slice::from_ref(if last { end } else { first }),
        _ => all,
    }
}
