//! What logs call things in other languages than English: `Pérdida de validación`, `训练损失`, `скорость обучения`.
//!
//! Everything else understands English. A text is translated word by word, and where a word means nothing here
//! it stays as it is: so does what it is part of, for the `扩散损失` of a diffusion is another than the loss.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// English words and what they are called elsewhere, in small letters without accents.
const WORDS: &[(&str, &[&str])] = &[
    (
        "epoch",
        &[
            "epoca",
            "epocas",
            "epoque",
            "epoche",
            "epochen",
            "epok",
            "эпоха",
            "эпохи",
            "エポック",
            "에포크",
            "에폭",
            "轮",
            "轮次",
            "轮数",
            "周期",
            "輪",
            "輪次",
            "輪數",
            "週期",
        ],
    ),
    (
        "step",
        &[
            "paso",
            "etape",
            "schritt",
            "passo",
            "шаг",
            "adim",
            "ステップ",
            "스텝",
            "步",
            "步数",
            "步數",
        ],
    ),
    (
        "iteration",
        &[
            "iteracion",
            "iteracao",
            "iterazione",
            "итерация",
            "反復",
            "반복",
            "迭代",
            "迭代次数",
            "迭代次數",
            "次迭代",
        ],
    ),
    ("batch", &["lote", "lot", "батч", "バッチ", "배치", "批次"]),
    (
        "loss",
        &[
            "perdida",
            "perdidas",
            "perte",
            "pertes",
            "verlust",
            "perda",
            "perdita",
            "потери",
            "потеря",
            "потерь",
            "ошибка",
            "лосс",
            "kayip",
            "kaybi",
            "損失",
            "ロス",
            "손실",
            "로스",
            "损失",
            "损失值",
            "損失值",
        ],
    ),
    ("train loss", &["trainingsverlust"]),
    ("validation loss", &["validierungsverlust"]),
    ("test loss", &["testverlust"]),
    (
        "train",
        &[
            "entrenamiento",
            "aprendizaje",
            "entrainement",
            "apprentissage",
            "treino",
            "treinamento",
            "aprendizado",
            "aprendizagem",
            "addestramento",
            "apprendimento",
            "обучение",
            "обучения",
            "обучении",
            "тренировка",
            "тренировки",
            "тренировке",
            "egitim",
            "ogrenme",
            "訓練",
            "学習",
            "훈련",
            "학습",
            "训练",
            "训练集",
            "訓練集",
        ],
    ),
    (
        "validation",
        &[
            "validacion",
            "validacao",
            "validazione",
            "validierung",
            "валидация",
            "валидации",
            "проверка",
            "проверки",
            "проверке",
            "dogrulama",
            "検証",
            "검증",
            "验证",
            "验证集",
            "驗證",
            "驗證集",
        ],
    ),
    (
        "test",
        &[
            "prueba",
            "teste",
            "тест",
            "тесте",
            "тестирование",
            "テスト",
            "테스트",
            "测试",
            "测试集",
            "測試",
            "測試集",
        ],
    ),
    (
        "learning rate",
        &["lernrate", "学習率", "학습률", "学习率", "學習率"],
    ),
    (
        "rate",
        &[
            "tasa",
            "taux",
            "taxa",
            "tasso",
            "скорость",
            "темп",
            "orani",
            "hizi",
        ],
    ),
    (
        "average",
        &[
            "promedio",
            "moyenne",
            "durchschnittlicher",
            "средний",
            "средняя",
            "средние",
            "ortalama",
            "平均",
            "평균",
        ],
    ),
    ("total", &["toplam", "gesamter", "总", "总体", "總", "合計", "총"]),
    (
        "current",
        &["текущая", "текущие", "当前", "目前", "當前", "現在", "현재"],
    ),
    (
        "accuracy",
        &[
            "exactitud",
            "exactitude",
            "genauigkeit",
            "acuracia",
            "accuratezza",
            "точность",
            "dogruluk",
            "精度",
            "正解率",
            "정확도",
            "准确率",
            "精确度",
            "準確率",
        ],
    ),
    ("", &["的", "の"]),
];

/// English words that may stand beside those, as they are.
const ENGLISH: &[&str] = &[
    "train",
    "training",
    "val",
    "validation",
    "test",
    "loss",
    "precision",
    "total",
];

/// Words that join two others, of which the second says which the first is of: `Perda de Treino`.
const PREPOSITIONS: &[&str] = &[
    "de", "del", "la", "d", "l", "en", "di", "da", "do", "em", "du", "sur", "von", "на", "из",
];

/// What a phrase is about: in many languages it comes first.
const HEADS: &[&str] = &["loss", "accuracy", "precision"];

/// What stands behind its number: `第 3/40 轮`.
const COUNTERS: &[&str] = &["epoch", "step", "iteration", "batch"];

static MEANINGS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let foreign = WORDS.iter();
    foreign
        .flat_map(|(english, words)| words.iter().map(|word| (*word, *english)))
        .collect()
});

/// The longest word of the table, in bytes.
static LONGEST: LazyLock<usize> =
    LazyLock::new(|| MEANINGS.keys().map(|word| word.len()).max().unwrap_or_default());

/// Words of the table that are written in ASCII, by their first letters: all that may be foreign in most texts.
static PLAIN: LazyLock<[Vec<&'static str>; 26]> = LazyLock::new(|| {
    let mut plain = [const { Vec::new() }; 26];
    for word in MEANINGS.keys().filter(|word| word.is_ascii()) {
        if let Some(words) = word.bytes().next().and_then(|first| plain.get_mut(place(first))) {
            words.push(*word);
        }
    }
    plain
});

/// The place of a letter in the alphabet, from 0.
fn place(letter: u8) -> usize {
    usize::from(letter.to_ascii_lowercase().wrapping_sub(b'a'))
}

/// True for a text in ASCII without a word of the table.
fn is_plainly_english(text: &str) -> bool {
    let is_foreign = |word: &[u8]| {
        let known = word.first().and_then(|first| PLAIN.get(place(*first)));
        known.is_some_and(|known| {
            known
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(word))
        })
    };
    text.is_ascii()
        && !text
            .as_bytes()
            .split(|byte| !byte.is_ascii_alphabetic())
            .any(is_foreign)
}

/// The text in English, as far as that can be told; `None` where no word of it is foreign.
pub fn english(text: &str) -> Option<String> {
    if is_plainly_english(text) {
        return None;
    }
    let reordered = numbers_behind_counters(text);
    let text = reordered.as_deref().unwrap_or(text);
    let words = words(text);
    if !words
        .iter()
        .any(|word| matches!(word.meaning, Meaning::Foreign(_)))
    {
        return None;
    }
    let mut translated = String::with_capacity(text.len() + 16);
    let (mut at, mut copied) = (0, 0);
    while let Some(word) = words.get(at) {
        let phrase = Phrase::at(text, words.get(at..).unwrap_or_default());
        if let Some(replaced) = phrase.english(text, word.range.start) {
            translated.push_str(text.get(copied..word.range.start).unwrap_or_default());
            if translated.ends_with(char::is_alphanumeric) {
                translated.push(' ');
            }
            translated.push_str(&replaced);
            copied = phrase.end;
            if text
                .get(copied..)
                .is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
            {
                translated.push(' ');
            }
        } else if matches!(word.meaning, Meaning::Preposition) && is_between_numbers(text, &word.range) {
            translated.push_str(text.get(copied..word.range.start).unwrap_or_default());
            translated.push_str("of");
            copied = word.range.end;
        }
        at += phrase.words;
    }
    translated.push_str(text.get(copied..).unwrap_or_default());
    Some(translated)
}

/// Letters without anything between them.
struct Word {
    range: Range<usize>,
    meaning: Meaning,
}

enum Meaning {
    /// The English words for it.
    Foreign(Vec<&'static str>),
    English(&'static str),
    Preposition,
    Unknown,
}

fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || is_accent(letter)
}

/// An accent that follows its letter.
fn is_accent(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

/// In small letters without accents, as most words are written: every word of a sample is looked at.
fn folded(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let small = word.chars().flat_map(char::to_lowercase);
    small
        .filter(|letter| !is_accent(*letter))
        .map(|letter| match letter {
            'à'..='å' => 'a',
            'ç' => 'c',
            'è'..='ë' => 'e',
            'ì'..='ï' | 'ı' => 'i',
            'ñ' => 'n',
            'ò'..='ö' => 'o',
            'ù'..='ü' => 'u',
            'ğ' => 'g',
            'ş' => 's',
            'й' => 'и',
            other => other,
        })
        .collect()
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = 0;
    while let Some(start) = text.get(rest..).and_then(|text| text.find(is_letter)) {
        let start = rest + start;
        let length = text
            .get(start..)
            .and_then(|text| text.find(|letter| !is_letter(letter)));
        let end = length.map_or(text.len(), |length| start + length);
        let meaning = text.get(start..end).map_or(Meaning::Unknown, meaning);
        words.push(Word {
            range: start..end,
            meaning,
        });
        rest = end;
    }
    words
}

fn meaning(word: &str) -> Meaning {
    // A word with accents that are letters of their own is at most twice as long.
    if word.is_ascii() && word.len() > *LONGEST {
        return Meaning::Unknown;
    }
    let word = folded(word);
    if let Some(english) = MEANINGS.get(word.as_ref()) {
        return Meaning::Foreign(vec![english]);
    }
    let known = |words: &[&'static str]| words.iter().copied().find(|known| *known == word);
    if let Some(english) = known(ENGLISH) {
        return Meaning::English(english);
    }
    if known(PREPOSITIONS).is_some() {
        return Meaning::Preposition;
    }
    parts(&word).map_or(Meaning::Unknown, Meaning::Foreign)
}

/// The words of a text that is written without blanks, if all are known: `验证集平均损失`.
fn parts(text: &str) -> Option<Vec<&'static str>> {
    let is_without_blanks = |letter: char| letter >= '\u{2e80}';
    if !text.starts_with(is_without_blanks) {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, english) = longest_at(rest)?;
        parts.push(english);
        rest = rest.get(length..)?;
    }
    Some(parts)
}

/// The longest foreign word that a text begins with: its length, and what it means.
fn longest_at(text: &str) -> Option<(usize, &'static str)> {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let ends = ends.take_while(|end| *end <= *LONGEST);
    ends.filter_map(|end| Some((end, *MEANINGS.get(text.get(..end)?)?)))
        .last()
}

/// Known words that belong together.
struct Phrase {
    /// How many words of the text it has, with those that join them: at least one.
    words: usize,
    english: Vec<&'static str>,
    is_foreign: bool,
    /// Some of its words are English.
    is_mixed: bool,
    end: usize,
}

impl Phrase {
    /// The phrase that these words of the text begin with.
    fn at(text: &str, words: &[Word]) -> Phrase {
        let mut phrase = Phrase {
            words: 1,
            english: Vec::new(),
            is_foreign: false,
            is_mixed: false,
            end: 0,
        };
        let mut before: Option<&Word> = None;
        for (index, word) in words.iter().enumerate() {
            let between = before.and_then(|before| text.get(before.range.end..word.range.start));
            let is_joined = between.is_none_or(|between| matches!(between, " " | "_" | "'" | "’"));
            if !is_joined {
                break;
            }
            match &word.meaning {
                Meaning::Foreign(english) => {
                    phrase
                        .english
                        .extend(english.iter().filter(|word| !word.is_empty()));
                    phrase.is_foreign = true;
                }
                Meaning::English(english) => {
                    phrase.english.push(english);
                    phrase.is_mixed = true;
                }
                Meaning::Preposition if index > 0 => {
                    before = Some(word);
                    continue;
                }
                Meaning::Preposition | Meaning::Unknown => break,
            }
            (phrase.words, phrase.end) = (index + 1, word.range.end);
            before = Some(word);
        }
        phrase
    }

    /// The phrase in English, where it is foreign.
    fn english(&self, text: &str, start: usize) -> Option<String> {
        if !self.is_foreign {
            return None;
        }
        let mut english = self.english.clone();
        if english.contains(&"rate") {
            let is_of_learning = english.len() == 2 && english.contains(&"train") && !self.is_mixed;
            return is_of_learning.then(|| "learning rate".to_owned());
        }
        // `Sensibilidad de validación` is not the loss on it.
        if !english.iter().any(|word| HEADS.contains(word)) && says_what_it_is_of(text.get(..start)?) {
            return None;
        }
        if english.first().is_some_and(|first| HEADS.contains(first)) {
            english.rotate_left(1);
        }
        Some(english.join(" "))
    }
}

/// True for what ends with a word and a preposition: what follows says what that word is of.
fn says_what_it_is_of(before: &str) -> bool {
    /// Bytes that two words take: a text may have no blanks for long.
    const REACH: usize = 64;
    let mut from = before.len().saturating_sub(REACH);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let before = before.get(from..).unwrap_or_default();
    let before = before.rsplit('\n').next().unwrap_or(before);
    let before = before.trim_end_matches([' ', '\'', '’']);
    let (rest, last) = before.rsplit_once(' ').unwrap_or(("", before));
    PREPOSITIONS.contains(&folded(last).as_ref()) && rest.trim_end().ends_with(is_letter)
}

/// True for the second word of `Эпоха 3 из 40`.
fn is_between_numbers(text: &str, word: &Range<usize>) -> bool {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let before = text.get(..word.start).and_then(|before| before.strip_suffix(' '));
    let behind = text.get(word.end..).and_then(|behind| behind.strip_prefix(' '));
    before.is_some_and(|before| before.ends_with(is_digit))
        && behind.is_some_and(|behind| behind.starts_with(is_digit))
}

/// The text with every counter before its number, where there are others: `轮 3/40` for `第 3/40 轮`.
fn numbers_behind_counters(text: &str) -> Option<String> {
    const MARK: char = '第';
    let (before, mut rest) = text.split_once(MARK)?;
    let mut reordered = before.to_owned();
    loop {
        let number = rest.trim_start();
        let end = number.find(|letter: char| !(letter.is_ascii_digit() || letter == '/'));
        let (number, behind) = number.split_at(end.unwrap_or(number.len()));
        let behind = behind.trim_start();
        match longest_at(behind).filter(|(_, english)| COUNTERS.contains(english)) {
            Some((length, _)) if !number.is_empty() => {
                let (counter, behind) = behind.split_at_checked(length)?;
                reordered.push_str(&format!("{counter} {number}"));
                if behind.starts_with(is_letter) {
                    reordered.push(' ');
                }
                rest = behind;
            }
            _ => reordered.push(MARK),
        }
        let Some((before, behind)) = rest.split_once(MARK) else {
            reordered.push_str(rest);
            return Some(reordered);
        };
        reordered.push_str(before);
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::english;

    #[test]
    fn words_are_translated_and_what_a_phrase_is_about_comes_last() {
        for (foreign, expected) in [
            ("Época [1/40], Pérdida: 2.1", "epoch [1/40], loss: 2.1"),
            ("E\u{301}poca 1, pe\u{301}rdida_val 2.1", "epoch 1, val loss 2.1"),
            ("Perda de Treino: 2.1", "train loss: 2.1"),
            ("Perte d'entraînement : 2.1", "train loss : 2.1"),
            ("Taux d’apprentissage: 1e-3", "learning rate: 1e-3"),
            (
                "pérdida promedio de validación 2.1",
                "average validation loss 2.1",
            ),
            ("Epoche 1: Trainingsverlust = 2.1", "epoch 1: train loss = 2.1"),
            ("Эпоха 3 из 40", "epoch 3 of 40"),
            ("Потери на обучении: 2.1", "train loss: 2.1"),
            ("Скорость обучения: 1e-3", "learning rate: 1e-3"),
            ("Doğrulama Kaybı: 2.1", "validation loss: 2.1"),
            ("エポック 1 検証損失: 2.1", "epoch 1 validation loss: 2.1"),
            ("평균 손실: 2.1", "average loss: 2.1"),
            ("第 3/40 轮, 损失: 2.1", "epoch 3/40, loss: 2.1"),
            ("第3轮训练损失：2.1", "epoch 3 train loss：2.1"),
            ("验证集平均损失 2.1", "validation average loss 2.1"),
        ] {
            assert_eq!(english(foreign).as_deref(), Some(expected), "{foreign}");
        }
    }

    #[test]
    fn what_is_not_wholly_known_stays() {
        for text in [
            "Epoch 3: train loss 2.1, val loss 2.2",
            "扩散损失: 2.1",
            "本轮耗时: 2.1s",
            "第一 3",
            "Sensibilidad de validación: 0.5",
            "taxa 5, taux d'erreur 3",
            "",
        ] {
            let translated = english(text);
            assert!(translated.is_none_or(|translated| translated == text), "{text}");
        }
    }
}
