//! Where a rule may be named so that it counts: the doc comment of a test, and the strings with which the simulation ends a run.

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::Visit;

use crate::root;

/// A test: what it is called, and its doc comment.
#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    pub name: String,
    pub doc: String,
}

/// The tests in a file, and the strings of its other code.
#[derive(Default)]
pub struct Mentions {
    pub tests: Vec<Test>,
    pub strings: Vec<String>,
    in_tests: bool,
}

impl Mentions {
    /// Of a file; one that lies in a room `tests` of the simulation has no strings that count.
    pub fn of(path: &Path) -> Self {
        let mut mentions = Self {
            in_tests: path
                .strip_prefix(root())
                .unwrap()
                .components()
                .filter(|part| part.as_os_str() == "tests")
                .count()
                > 1
                || path.file_name().is_some_and(|name| name == "tests.rs"),
            ..Self::default()
        };
        let text = fs::read_to_string(path).unwrap();
        mentions.visit_file(&syn::parse_file(&text).unwrap());
        mentions
    }
}

fn is(attribute: &syn::Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

/// The text of a doc comment's line.
fn doc(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) if is(attribute, "doc") => Some(text.value()),
        _ => None,
    }
}

/// The strings in the arguments of a macro, attributes apart.
fn strings(tokens: TokenStream, found: &mut Vec<String>) {
    let mut after_hash = false;
    for token in tokens {
        match &token {
            TokenTree::Group(group) if after_hash && group.delimiter() == Delimiter::Bracket => {}
            TokenTree::Group(group) => strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                found.extend(text.contains('"').then_some(text));
            }
            _ => {}
        }
        after_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
    }
}

impl Visit<'_> for Mentions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        if item.attrs.iter().any(|attribute| is(attribute, "test")) {
            let lines: Vec<_> = item.attrs.iter().filter_map(doc).collect();
            self.tests.push(Test {
                name: item.sig.ident.to_string(),
                doc: lines.join(" "),
            });
        } else {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        let outer = self.in_tests;
        self.in_tests |= item.ident == "tests";
        syn::visit::visit_item_mod(self, item);
        self.in_tests = outer;
    }

    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_lit_str(&mut self, text: &syn::LitStr) {
        if !self.in_tests {
            self.strings.push(text.value());
        }
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        if !self.in_tests {
            strings(call.tokens.clone(), &mut self.strings);
        }
    }
}

/// Only the doc of a test and the strings of other code count.
#[test]
fn comments_and_the_bodies_of_tests_do_not_count() {
    let source = "
        //! X-01
        /// X-02
        fn check() {
            // X-03
            fail(\"X-04\", format!(\"X-05 {}\", #[doc = \"X-06\"] 1));
        }
        /// Proves X-07.
        /// And X-08.
        #[test]
        fn proof() { assert_eq!(rule, \"X-09\"); }
        mod tests { const RULE: &str = \"X-10\"; }";
    let mut mentions = Mentions::default();
    mentions.visit_file(&syn::parse_file(source).unwrap());
    let proof = Test {
        name: "proof".into(),
        doc: " Proves X-07.  And X-08.".into(),
    };
    assert_eq!(mentions.tests, [proof]);
    assert_eq!(mentions.strings, ["X-04", "\"X-05 {}\""]);
}
