// Passages as people read them: lines that a file broke are whole, and words of the question are marked.

// Chinese characters, or letters and digits with what is written above and below them.
const WORD = /\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}])+/gu;
const HAN = /\p{Script=Han}/u;
// What nearly every sentence has says nothing about why a passage was found.
const COMMON = new Set(
  "a about after again all also an and any are as at be been before but by can could did do does for from get had has have how i if in into is it its may me my no not of on one or our out should so some than that the their them then there they this to up was we were what when where which who why will with would you your".split(" "),
);
const FENCE = "```";

/** Give the heading that a passage begins with, or null, and what stands below it. */
export function headed(passage) {
  const found = /^\s*#{1,6} +([^\n]+)\n+(?=\S)/u.exec(passage);
  return found ? { heading: found[1].trim(), body: passage.slice(found[0].length) } : { heading: null, body: passage };
}

/** Give a passage with the lines of each paragraph joined; code between fences, lists and tables stay. */
export function flowing(passage) {
  return passage
    .trim()
    .split(FENCE)
    .map((part, place) => (place % 2 ? part : joined(part)))
    .join(FENCE);
}

function joined(text) {
  return text.replace(/([^\n])\n(?=[^\s#|>*+-])(?!\d+[.)] )/gu, (_, last) => (HAN.test(last) || /[，。、；：]/u.test(last) ? last : `${last} `));
}

/** Give the words of a query in a passage, as spans in characters. */
export function wordsIn(passage, query, title) {
  const words = new Set();
  const pairs = new Set();
  for (const [found] of query.matchAll(WORD)) {
    if (HAN.test(found)) for (const two of twos(found)) pairs.add(two);
    else if (!COMMON.has(found.toLowerCase())) words.add(stem(found));
  }
  const spans = [];
  for (const found of passage.matchAll(WORD)) {
    const begin = Array.from(passage.slice(0, found.index)).length;
    if (!HAN.test(found[0])) {
      if (words.has(stem(found[0]))) spans.push({ begin, end: begin + Array.from(found[0]).length, kind: "term", title });
      continue;
    }
    twos(found[0]).forEach((two, place) => {
      if (pairs.has(two)) spans.push({ begin: begin + place, end: begin + place + 2, kind: "term", title });
    });
  }
  return spans;
}

/** Give neighbouring characters: a single one is in too many words. */
function twos(text) {
  const letters = Array.from(text);
  return letters.slice(1).map((letter, place) => letters[place] + letter);
}

/** A word without its case, and without the s of a plural. */
function stem(word) {
  const small = word.toLowerCase();
  return small.length > 3 ? small.replace(/s$/, "") : small;
}
