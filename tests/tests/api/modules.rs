//! The modules of a crate and what a path in one of them means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, UseTree, Visibility};

/// A module's path below the crate's root.
pub type ModulePath = Vec<String>;

/// A place where something is defined: its module and its name there.
pub type Place = (ModulePath, String);

/// Every module with its items, but for what only tests have.
pub struct Modules(BTreeMap<ModulePath, Vec<Item>>);

/// One name that a `use` brings in: the path it stands for and, unless it is `*`, the name.
pub struct Import {
    pub path: Vec<String>,
    pub name: Option<String>,
    pub is_public: bool,
}

/// What a path leads to.
pub enum Target {
    Item(Place),
    Module(ModulePath),
    /// Another crate's.
    Foreign,
}

impl Modules {
    /// The crate whose root is the file `root`.
    pub fn read(root: &Path) -> Modules {
        let mut modules = Modules(BTreeMap::new());
        let folder = root.parent().expect("a file's folder").to_owned();
        modules.add_file(Vec::new(), root, folder);
        modules
    }

    pub fn of(files: &[(&str, &str)]) -> Modules {
        let mut modules = Modules(BTreeMap::new());
        for (name, text) in files {
            let path = if name.is_empty() { Vec::new() } else { vec![(*name).to_owned()] };
            modules.add(path, syn::parse_file(text).expect("Rust").items, None);
        }
        modules
    }

    fn add_file(&mut self, path: ModulePath, file: &Path, folder: PathBuf) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let items = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items;
        self.add(path, items, Some(folder));
    }

    /// `folder` has the files of the module's own modules.
    fn add(&mut self, path: ModulePath, items: Vec<Item>, folder: Option<PathBuf>) {
        let mut kept = Vec::new();
        for mut item in items {
            let Item::Mod(module) = &mut item else {
                kept.push(item);
                continue;
            };
            if is_for_tests(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let inner = [&path[..], std::slice::from_ref(&name)].concat();
            match (module.content.take(), &folder) {
                (Some((_, items)), _) => self.add(inner, items, folder.as_ref().map(|folder| folder.join(&name))),
                (None, Some(folder)) => {
                    let beside = folder.join(format!("{name}.rs"));
                    let file = if beside.is_file() { beside } else { folder.join(&name).join("mod.rs") };
                    self.add_file(inner, &file, folder.join(&name));
                }
                (None, None) => {}
            }
            kept.push(item);
        }
        self.0.insert(path, kept);
    }

    pub fn all(&self) -> impl Iterator<Item = (&ModulePath, &Vec<Item>)> {
        self.0.iter()
    }

    pub fn items(&self, module: &[String]) -> &[Item] {
        self.0.get(module).map_or(&[], Vec::as_slice)
    }

    pub fn imports(&self, module: &[String]) -> Vec<Import> {
        let mut imports = Vec::new();
        for item in self.items(module) {
            if let Item::Use(item) = item {
                let is_public = matches!(item.vis, Visibility::Public(_));
                flatten(&item.tree, Vec::new(), is_public, &mut imports);
            }
        }
        imports
    }

    /// What `path`, written in `module`, leads to.
    pub fn resolve(&self, module: &[String], path: &[String]) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Module(module.to_vec()) };
        match first.as_str() {
            "crate" => return self.resolve(&[], rest),
            "self" => return self.resolve(module, rest),
            "super" => return self.resolve(&module[..module.len().saturating_sub(1)], rest),
            _ => {}
        }
        let child = [module, std::slice::from_ref(first)].concat();
        if self.0.contains_key(&child) {
            return self.resolve(&child, rest);
        }
        if rest.is_empty() && self.defines(module, first) {
            return Target::Item((module.to_vec(), first.clone()));
        }
        for import in self.imports(module) {
            let leads = match import.name {
                // A path that begins with its own name is another crate's.
                Some(name) if name == *first && import.path[0] != *first => {
                    self.resolve(module, &[&import.path[..], rest].concat())
                }
                None => self.resolve(module, &[&import.path[..], path].concat()),
                _ => continue,
            };
            if !matches!(leads, Target::Foreign) {
                return leads;
            }
        }
        Target::Foreign
    }

    /// Whether the module itself has an item of this name, or a macro of its own that makes one.
    fn defines(&self, module: &[String], name: &str) -> bool {
        self.items(module).iter().any(|item| name_of(item).is_some_and(|own| own == name))
            || self.maker(module, name).is_some()
    }

    /// The macro of the module that makes the item `name`: its definition and its call.
    pub fn maker(&self, module: &[String], name: &str) -> Option<(&syn::ItemMacro, &syn::ItemMacro)> {
        let macros =
            || self.items(module).iter().filter_map(|item| if let Item::Macro(m) = item { Some(m) } else { None });
        let makes = |m: &&syn::ItemMacro| {
            let text = m.mac.tokens.to_string();
            m.ident.is_some() && [" enum ", " struct "].iter().any(|word| text.contains(&format!("{word}{name} ")))
        };
        let definition = macros().find(makes)?;
        let call = macros().find(|m| m.ident.is_none() && m.mac.path.get_ident() == definition.ident.as_ref())?;
        Some((definition, call))
    }
}

pub fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

fn flatten(tree: &UseTree, path: Vec<String>, is_public: bool, imports: &mut Vec<Import>) {
    let with = |name: &syn::Ident| [&path[..], &[name.to_string()]].concat();
    match tree {
        UseTree::Path(tree) => flatten(&tree.tree, with(&tree.ident), is_public, imports),
        UseTree::Name(tree) if tree.ident == "self" => {
            imports.push(Import { name: path.last().cloned(), path, is_public });
        }
        UseTree::Name(tree) => {
            imports.push(Import { path: with(&tree.ident), name: Some(tree.ident.to_string()), is_public });
        }
        UseTree::Rename(tree) => {
            imports.push(Import { path: with(&tree.ident), name: Some(tree.rename.to_string()), is_public });
        }
        UseTree::Glob(_) => imports.push(Import { path, name: None, is_public }),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path.clone(), is_public, imports);
            }
        }
    }
}
