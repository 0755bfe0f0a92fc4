//! Items as lines: without docs, bodies and private fields, in one spelling.

use syn::{
    Attribute, Block, Fields, FnArg, ImplItem, ImplItemConst, Item, ItemFn, ItemImpl, ItemMacro, Pat, Signature,
    TraitItem, Type, Visibility, parse_quote,
};

/// The names of a path, without what is between `<` and `>`.
pub fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// The definition under the name `shown`.
pub fn item(item: &Item, shown: &str) -> Vec<String> {
    let mut item = item.clone();
    let ident = syn::Ident::new(shown, proc_macro2::Span::call_site());
    let mut hides = false;
    match &mut item {
        Item::Fn(item) => {
            item.sig.ident = ident;
            return vec![signature(&item.attrs, &item.vis, &item.sig)];
        }
        Item::Struct(item) => {
            item.ident = ident;
            keep(&mut item.attrs);
            hides = hide_private(&mut item.fields);
        }
        Item::Enum(item) => {
            item.ident = ident;
            keep(&mut item.attrs);
            for variant in &mut item.variants {
                keep(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| keep(&mut field.attrs));
            }
        }
        Item::Trait(item) => {
            item.ident = ident;
            keep(&mut item.attrs);
            for item in &mut item.items {
                match item {
                    TraitItem::Fn(item) => {
                        keep(&mut item.attrs);
                        item.default = item.default.as_ref().map(|_| empty());
                    }
                    TraitItem::Const(item) => keep(&mut item.attrs),
                    TraitItem::Type(item) => keep(&mut item.attrs),
                    _ => {}
                }
            }
        }
        Item::Const(item) => {
            item.ident = ident;
            keep(&mut item.attrs);
        }
        Item::Type(item) => {
            item.ident = ident;
            keep(&mut item.attrs);
        }
        Item::Static(item) => {
            item.ident = ident;
            keep(&mut item.attrs);
        }
        _ => {}
    }
    let mut lines = pretty(item);
    if hides {
        lines.push("private fields".into());
    }
    lines
}

/// An item that a macro makes is shown as the macro and its call: each row of the call is a part of the item.
pub fn made(definition: &ItemMacro, call: &ItemMacro) -> Vec<String> {
    let name = definition.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let tokens = |tokens: &proc_macro2::TokenStream| without_docs(tokens.clone()).to_string();
    let rows = tokens(&call.mac.tokens);
    let mut lines = vec![format!("{name}!: macro_rules! {name} {{ {} }}", tokens(&definition.mac.tokens))];
    match rows.split("; ").collect::<Vec<_>>()[..] {
        [only] => lines.push(format!("{name}! {{ {only} }}")),
        ref rows => lines.extend(rows.iter().map(|row| format!("{name}! {{ {} }}", row.trim_end_matches(';').trim()))),
    }
    lines
}

pub fn signature(attributes: &[Attribute], visibility: &Visibility, signature: &Signature) -> String {
    let mut attributes = attributes.to_vec();
    keep(&mut attributes);
    let mut signature = signature.clone();
    // What a function does with its own copy is nobody else's.
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(own) if own.reference.is_none() => own.mutability = None,
            FnArg::Typed(input) => {
                if let Pat::Ident(name) = &mut *input.pat {
                    name.mutability = None;
                }
            }
            FnArg::Receiver(_) => {}
        }
    }
    let item = ItemFn { attrs: attributes, vis: visibility.clone(), sig: signature, block: Box::new(empty()) };
    one_line(&pretty(Item::Fn(item)).join(" ")).trim_end_matches("{}").trim_end().trim_end_matches(',').to_owned()
}

pub fn constant(constant: &ImplItemConst) -> String {
    let mut constant = constant.clone();
    keep(&mut constant.attrs);
    let (attributes, visibility, ident, ty, value) =
        (constant.attrs, constant.vis, constant.ident, constant.ty, constant.expr);
    one_line(&pretty(parse_quote!(#(#attributes)* #visibility const #ident: #ty = #value;)).join(" "))
}

/// The head of an impl with its associated types; `renames` the type to the name it is shown by.
pub fn implementation(block: &ItemImpl, shown: &str, renames: bool) -> String {
    let mut block = block.clone();
    keep(&mut block.attrs);
    if renames
        && let Type::Path(ty) = &mut *block.self_ty
        && let Some(last) = ty.path.segments.last().cloned()
    {
        let ident = syn::Ident::new(shown, last.ident.span());
        ty.path = syn::PathSegment { ident, arguments: last.arguments }.into();
    }
    let types: Vec<String> = block
        .items
        .iter()
        .filter_map(|item| if let ImplItem::Type(ty) = item { Some(ty) } else { None })
        .map(|ty| {
            let shown: Item = {
                let (name, ty) = (&ty.ident, &ty.ty);
                parse_quote!(type #name = #ty;)
            };
            one_line(&pretty(shown).join(" ")).trim_end_matches(';').to_owned()
        })
        .collect();
    block.items.clear();
    let head = one_line(&pretty(Item::Impl(block)).join(" ")).trim_end_matches("{}").trim_end().to_owned();
    let head = head.trim_end_matches(',').to_owned();
    if types.is_empty() { head } else { format!("{head} {{ {} }}", types.join("; ")) }
}

/// Leaves the attributes that a user of the item meets, in one order.
fn keep(attributes: &mut Vec<Attribute>) {
    const MET: [&str; 7] = ["cfg", "cfg_attr", "derive", "must_use", "non_exhaustive", "repr", "deprecated"];
    attributes.retain(|attribute| MET.iter().any(|met| attribute.path().is_ident(met)));
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let Ok(list) = attribute.meta.require_list() else { continue };
        let mut names: Vec<String> = list.tokens.to_string().split(',').map(|name| name.replace(' ', "")).collect();
        names.retain(|name| !name.is_empty());
        names.sort();
        let names: Vec<syn::Path> = names.iter().map(|name| syn::parse_str(name).expect("a path")).collect();
        *attribute = parse_quote!(#[derive(#(#names),*)]);
    }
}

/// Takes private fields out, and says whether there were any.
fn hide_private(fields: &mut Fields) -> bool {
    let named = match fields {
        Fields::Named(named) => &mut named.named,
        Fields::Unnamed(unnamed) => &mut unnamed.unnamed,
        Fields::Unit => return false,
    };
    let before = named.len();
    let public = std::mem::take(named).into_iter().filter(|field| matches!(field.vis, Visibility::Public(_)));
    named.extend(public);
    named.iter_mut().for_each(|field| keep(&mut field.attrs));
    named.len() < before
}

fn without_docs(tokens: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_doc = matches!(&token, proc_macro2::TokenTree::Punct(punct) if punct.as_char() == '#')
            && tokens.peek().is_some_and(|next| next.to_string().replace(' ', "").starts_with("[doc="));
        if is_doc {
            tokens.next();
            continue;
        }
        kept.push(match token {
            proc_macro2::TokenTree::Group(group) => {
                proc_macro2::Group::new(group.delimiter(), without_docs(group.stream())).into()
            }
            token => token,
        });
    }
    kept.into_iter().collect()
}

fn empty() -> Block {
    parse_quote!({})
}

fn pretty(item: Item) -> Vec<String> {
    let file = syn::File { shebang: None, attrs: Vec::new(), items: vec![item] };
    prettyplease::unparse(&file).lines().map(str::to_owned).collect()
}

/// Lines that the printer broke, joined.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(", )", ")").replace("< ", "<").replace(", >", ">")
}
