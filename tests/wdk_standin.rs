//! The stand-ins of wdk-sys and wdk offer what the published crates offer, under the same names and types, and no name more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Field, Fields, ImplItem, Item, ReturnType, Signature, Token, UseTree, Visibility};

/// What a module offers: each name by its path in the crate, with what it is.
type Offer = BTreeMap<String, String>;

fn standin(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/wdk-standin")
        .join(directory)
}

fn published() -> syn::File {
    let text = fs::read_to_string(standin("published.txt")).unwrap();
    syn::parse_file(&text).expect("Rust's syntax")
}

/// What one of the published crates offers, or the names that are left out of it.
fn listed(name: &str) -> Offer {
    let mut modules = published().items.into_iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module),
        _ => None,
    });
    let module = modules
        .find(|module| module.ident == name)
        .expect("a module of the list");
    let mut offer = Offer::new();
    collect("", &module.content.expect("items").1, &mut offer);
    offer
}

/// What a stand-in offers: what is public in its files. Every file is a module; the root re-exports all of them but `ntddk`.
fn offered(directory: &str) -> Offer {
    let mut offer = Offer::new();
    for entry in fs::read_dir(standin(directory)).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let inside = if module == "ntddk" { "ntddk::" } else { "" };
        collect(inside, &file.items, &mut offer);
    }
    offer
}

/// Adds what is public among `items`, in the form in which it is compared.
fn collect(inside: &str, items: &[Item], offer: &mut Offer) {
    let mut add = |name: &dyn ToTokens, what: String| {
        let name = format!("{inside}{}", name.to_token_stream());
        assert!(offer.insert(name.clone(), what).is_none(), "{name} twice");
    };
    for item in items {
        match item {
            Item::Type(item) if public(&item.vis) => add(&item.ident, plain(&item.ty)),
            Item::Const(item) if public(&item.vis) => {
                let value = (&item.ty, &item.expr);
                add(&item.ident, format!("{} = {}", plain(value.0), plain(value.1)));
            }
            Item::Struct(item) if public(&item.vis) => {
                add(&item.ident, "struct".to_owned());
                fields(&item.ident, &item.fields, &mut add);
            }
            Item::Union(item) if public(&item.vis) => {
                add(&item.ident, "union".to_owned());
                named_fields(&item.ident, &item.fields.named, &mut add);
            }
            Item::Fn(item) if public(&item.vis) => add(&item.sig.ident, signature(&item.sig)),
            Item::Impl(item) if item.trait_.is_none() => methods(item, &mut add),
            Item::ForeignMod(block) => foreign(block, &mut add),
            Item::Macro(item) => {
                let name = item.ident.as_ref().expect("a macro that is defined");
                add(name, "macro".to_owned());
            }
            Item::Use(item) if public(&item.vis) => renamed(&item.tree, &mut add),
            _ => {}
        }
    }
    for item in items {
        if let Item::Mod(item) = item
            && let Some((_, items)) = &item.content
        {
            collect(&format!("{inside}{}::", item.ident), items, offer);
        }
    }
}

fn public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn fields(of: &syn::Ident, fields: &Fields, add: &mut impl FnMut(&dyn ToTokens, String)) {
    if let Fields::Named(fields) = fields {
        named_fields(of, &fields.named, add);
    }
}

fn named_fields(
    of: &syn::Ident,
    fields: &Punctuated<Field, Token![,]>,
    add: &mut impl FnMut(&dyn ToTokens, String),
) {
    for field in fields.iter().filter(|field| public(&field.vis)) {
        let name = format!("{of}.{}", field.ident.as_ref().expect("a name"));
        let kind = plain(&field.ty).replace("Self", &of.to_string());
        add(&name.parse::<proc_macro2::TokenStream>().unwrap(), kind);
    }
}

fn methods(item: &syn::ItemImpl, add: &mut impl FnMut(&dyn ToTokens, String)) {
    let of = plain(&item.self_ty);
    for method in &item.items {
        if let ImplItem::Fn(method) = method
            && public(&method.vis)
        {
            let name = format!("{of}::{}", method.sig.ident);
            add(
                &name.parse::<proc_macro2::TokenStream>().unwrap(),
                signature(&method.sig),
            );
        }
    }
}

fn foreign(block: &syn::ItemForeignMod, add: &mut impl FnMut(&dyn ToTokens, String)) {
    for item in &block.items {
        if let syn::ForeignItem::Fn(item) = item {
            add(&item.sig.ident, signature(&item.sig));
        }
    }
}

/// `pub use a::b as c`; what is re-exported under its own name is found where it is defined.
fn renamed(tree: &UseTree, add: &mut impl FnMut(&dyn ToTokens, String)) {
    let mut path = Vec::new();
    let mut tree = tree;
    while let UseTree::Path(step) = tree {
        path.push(step.ident.to_string());
        tree = &step.tree;
    }
    if let UseTree::Rename(last) = tree {
        path.push(last.ident.to_string());
        let path = path.join("::").replace("wdk_standin", "wdk_sys");
        add(&last.rename, format!("use {path}"));
    }
}

/// A signature without the word for its calling convention, which is the C one of x64 Windows in both.
fn signature(signature: &Signature) -> String {
    let arguments: Vec<_> = signature.inputs.iter().map(plain_argument).collect();
    let variadic = signature.variadic.as_ref().map_or("", |_| ", ...");
    let output = match &signature.output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, kind) => format!(" -> {}", plain(kind)),
    };
    let (constant, is_unsafe) = (signature.constness.is_some(), signature.unsafety.is_some());
    format!(
        "{constant} {is_unsafe} ({}{variadic}){output}",
        arguments.join(", ")
    )
}

fn plain_argument(argument: &syn::FnArg) -> String {
    plain(argument).trim_end_matches(',').to_owned()
}

/// Tokens in one spelling: names of C's types by their size, no paths of this crate, `extern "win64"` as C's.
fn plain(tokens: impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let words = text.replace([' ', '\n'], " ");
    let mut plain = format!(" {words} ");
    for (from, to) in [
        (":: core :: ffi ::", ""),
        ("core :: ffi ::", ""),
        (":: core :: option ::", ""),
        ("crate ::", ""),
        ("\"win64\"", "\"C\""),
        (" c_uchar ", " u8 "),
        (" c_ushort ", " u16 "),
        (" c_short ", " i16 "),
        (" c_ulonglong ", " u64 "),
        (" c_longlong ", " i64 "),
        (" c_ulong ", " u32 "),
        (" c_long ", " i32 "),
        (" c_int ", " i32 "),
    ] {
        plain = plain.replace(from, to);
    }
    let squeezed: String = plain.split_whitespace().collect();
    squeezed.replace(",)", ")").replace(",>", ">")
}

/// What is wrong with an offer, by the list of the published crate and the names that it leaves out.
fn differences(offered: &Offer, listed: &Offer, left_out: &BTreeSet<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, what) in offered {
        let last = name.rsplit("::").next().unwrap_or(name);
        if left_out.contains(last) {
            wrong.push(format!("{name}: wdk-build leaves it out"));
        }
        match listed.get(name) {
            None => wrong.push(format!("{name}: the published crate has no such name")),
            Some(listed) if listed != what => {
                wrong.push(format!("{name}: {what}, in the published crate {listed}"))
            }
            Some(_) => {}
        }
    }
    wrong
}

/// Compares a stand-in with the crate whose place it takes.
fn compare(directory: &str, name: &str, at_least: usize) {
    let left_out = listed("blocklist");
    let left_out = left_out.keys().map(String::as_str).collect();
    let offered = offered(directory);
    assert!(offered.len() > at_least, "only {} names are seen", offered.len());
    let wrong = differences(&offered, &listed(name), &left_out);
    assert!(wrong.is_empty(), "{directory}:\n{}", wrong.join("\n"));
}

#[test]
fn the_stand_in_of_wdk_sys_offers_what_wdk_sys_offers() {
    compare("src", "wdk_sys", 100);
}

#[test]
fn the_stand_in_of_wdk_offers_what_wdk_offers() {
    compare("wdk/src", "wdk", 3);
}

/// A name too many, one that is left out, and another type are seen.
#[test]
fn a_stand_in_that_offers_more_is_caught() {
    let wrong_one = "
        pub mod ntddk {
            unsafe extern \"win64\" {
                pub fn ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID;
                pub fn KeLowerIrql(NewIrql: ULONG);
                pub fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL;
            }
        }
        pub struct _MDL { pub Next: *mut Self, pub Size: u32, pub Mine: u8, hidden: u8 }";
    let mut offer = Offer::new();
    collect("", &syn::parse_file(wrong_one).unwrap().items, &mut offer);
    let left_out = listed("blocklist");
    let left_out = left_out.keys().map(String::as_str).collect();
    let wrong = differences(&offer, &listed("wdk_sys"), &left_out);
    let expected = [
        "_MDL . Mine: the published crate has no such name",
        "_MDL . Size: u32, in the published crate CSHORT",
        "ntddk::ExAllocatePoolWithTag: wdk-build leaves it out",
        "ntddk::ExAllocatePoolWithTag: the published crate has no such name",
        "ntddk::KeLowerIrql: falsefalse(NewIrql:ULONG), in the published crate falsefalse(NewIrql:KIRQL)",
    ];
    assert_eq!(wrong.len(), expected.len(), "{wrong:#?}");
    for (wrong, expected) in wrong.iter().zip(expected) {
        let squeezed = |text: &str| text.replace(' ', "");
        assert_eq!(squeezed(wrong), squeezed(expected));
    }
}
