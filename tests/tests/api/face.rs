//! What others see of a crate: every public path with its item, the item's members and its impls.

use std::collections::{BTreeMap, BTreeSet};

use syn::{ImplItem, Item, ItemImpl, Type, Visibility};

use crate::modules::{ModulePath, Modules, Place, Target, name_of};
use crate::text;

/// The list: a line for each path, and below it what there is to see.
pub fn face(name: &str, modules: &Modules) -> String {
    let mut paths = BTreeMap::new();
    walk(modules, &[], name, &mut paths, &mut BTreeSet::new());
    // A thing is shown in full at the shortest of its paths that goes through no glob, else at the first.
    let mut homes: BTreeMap<&Place, &String> = BTreeMap::new();
    for (path, (place, is_glob)) in &paths {
        let rank = |path: &String, is_glob: bool| (is_glob, path.matches("::").count());
        let home = homes.entry(place).or_insert(path);
        if rank(path, *is_glob) < rank(home, paths[*home].1) {
            *home = path;
        }
    }
    let mut list = String::new();
    for (path, (place, _)) in &paths {
        match homes[place] {
            home if home != path => list.push_str(&format!("{path} = {home}\n")),
            _ => {
                list.push_str(&format!("{path}\n"));
                let shown = path.rsplit("::").next().unwrap_or(path);
                for line in lines(modules, place, shown, &homes) {
                    list.push_str(&format!("    {line}\n"));
                }
            }
        }
    }
    list
}

/// Adds the public paths of a module's items, each with the place it leads to and whether a glob brought it.
fn walk(
    modules: &Modules,
    module: &[String],
    path: &str,
    paths: &mut BTreeMap<String, (Place, bool)>,
    seen: &mut BTreeSet<(ModulePath, String)>,
) {
    if !seen.insert((module.to_vec(), path.to_owned())) {
        return;
    }
    for item in modules.items(module) {
        if let Item::Mod(inner) = item
            && is_public(&inner.vis)
        {
            let name = inner.ident.to_string();
            walk(modules, &[module, std::slice::from_ref(&name)].concat(), &format!("{path}::{name}"), paths, seen);
        } else if let (Some(name), true) = (name_of(item), visibility(item).is_some_and(is_public)) {
            paths.insert(format!("{path}::{name}"), ((module.to_vec(), name), false));
        }
    }
    for import in modules.imports(module).into_iter().filter(|import| import.is_public) {
        match (modules.resolve(module, &import.path), import.name) {
            (Target::Item(place), Some(name)) => drop(paths.insert(format!("{path}::{name}"), (place, false))),
            (Target::Module(inner), Some(name)) => walk(modules, &inner, &format!("{path}::{name}"), paths, seen),
            (Target::Module(inner), None) => {
                let mut through = BTreeMap::new();
                walk(modules, &inner, path, &mut through, &mut BTreeSet::new());
                for (path, (place, _)) in through {
                    paths.entry(path).or_insert((place, true));
                }
            }
            (Target::Foreign, name) => {
                let name = name.unwrap_or_else(|| "*".into());
                paths.insert(format!("{path}::{name}"), ((vec!["extern".into()], import.path.join("::")), false));
            }
            (Target::Item(_), None) => {}
        }
    }
}

fn lines(modules: &Modules, place: &Place, shown: &str, homes: &BTreeMap<&Place, &String>) -> Vec<String> {
    let (module, name) = place;
    let item = modules.items(module).iter().find(|item| name_of(item).is_some_and(|own| own == *name));
    let mut lines = match (item, modules.maker(module, name)) {
        (Some(item), _) => text::item(item, shown),
        (None, Some((definition, call))) => text::made(definition, call),
        (None, None) => vec![format!("another crate's: {name}")],
    };
    let mut methods = Vec::new();
    let mut impls = Vec::new();
    for (from, items) in modules.all() {
        for block in items.iter().filter_map(|item| if let Item::Impl(block) = item { Some(block) } else { None }) {
            let about = subject(modules, from, block);
            match &block.trait_ {
                None if about.as_ref() == Some(place) => methods.extend(block.items.iter().filter_map(method)),
                Some((_, path, _)) => {
                    let about_trait = modules.resolve(from, &text::segments(path));
                    let is_hidden = matches!(&about_trait, Target::Item(place) if !homes.contains_key(place));
                    let is_blanket = about.is_none() && matches!(&about_trait, Target::Item(t) if t == place);
                    if !is_hidden && (about.as_ref() == Some(place) || is_blanket) {
                        impls.push(text::implementation(block, shown, !is_blanket));
                    }
                }
                None => {}
            }
        }
    }
    methods.sort();
    impls.sort();
    lines.extend(methods);
    lines.extend(impls);
    lines
}

/// The crate's own type that an impl is for.
fn subject(modules: &Modules, module: &[String], block: &ItemImpl) -> Option<Place> {
    let Type::Path(ty) = &*block.self_ty else { return None };
    match modules.resolve(module, &text::segments(&ty.path)) {
        Target::Item(place) => Some(place),
        _ => None,
    }
}

fn method(item: &ImplItem) -> Option<String> {
    match item {
        ImplItem::Fn(method) if is_public(&method.vis) => {
            Some(text::signature(&method.attrs, &method.vis, &method.sig))
        }
        ImplItem::Const(constant) if is_public(&constant.vis) => Some(text::constant(constant)),
        _ => None,
    }
}

fn visibility(item: &Item) -> Option<&Visibility> {
    Some(match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Union(item) => &item.vis,
        _ => return None,
    })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
