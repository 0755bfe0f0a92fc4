//! The tokeniser against llama.cpp's: ids of texts of many kinds (`tokens.mjs` asked it).

mod common;

use common::{ids, json, model, vocabulary};
use gguf_candle_runtime::Tokens;

/// That each text of a list becomes the ids of the list.
fn assert_same(tokens: &Tokens, list: &str) {
    let texts = json(list);
    let texts = texts.as_array().expect("texts");
    let wrong = texts.iter().filter(|text| {
        let said = text["text"].as_str().expect("a text");
        let ours = tokens.encode(said).expect("there is memory");
        let theirs = ids(&text["ids"]);
        if ours != theirs {
            println!("{said:?}\n  ours   {ours:?}\n  theirs {theirs:?}");
        }
        ours != theirs
    });
    assert_eq!(wrong.count(), 0, "of {}", texts.len());
}

#[test]
fn the_ids_of_every_text_are_those_of_llama_cpp() {
    let Some(model) = model() else { return };
    assert_same(&Tokens::of(model.header()).expect("this tokeniser"), "tokens.json");
}

#[test]
fn so_they_are_with_the_vocabulary_of_llama_2() {
    let Some(model) = vocabulary("llama-spm") else { return };
    assert_same(&Tokens::of(model.header()).expect("this tokeniser"), "tokens-llama.json");
}

#[test]
fn what_was_encoded_decodes_to_the_same_text() {
    let Some(model) = model() else { return };
    let tokens = Tokens::of(model.header()).expect("this tokeniser");
    for text in json("tokens.json").as_array().expect("texts") {
        let text = text["text"].as_str().expect("a text");
        let mut decoded = Vec::new();
        for id in tokens.encode(text).expect("there is memory") {
            assert!(tokens.decode(id, &mut decoded));
        }
        // The vocabulary writes a space so: it cannot tell them apart.
        assert_eq!(String::from_utf8(decoded).expect("UTF-8"), text.replace('\u{2581}', " "));
    }
    assert!(!tokens.decode(tokens.len() as u32, &mut Vec::new()));
}
