// The little Markdown that lessons may use: paragraphs, lists, **strong**, *stressed* and `code`. Elements are made one by
// one, and there are no links and no HTML: whatever else stands in a text is shown as it is.

import {make} from "./dom.js"

/** @typedef {{kind: "p", text: string} | {kind: "ul" | "ol", items: string[]}} Block */
/** @typedef {{kind: "" | "strong" | "em" | "code", text: string}} Span */

const ITEM = /^(?:([-*])|\d+[.)])\s+(.*)$/

/**
 * @param {string} text
 * @returns {Block[]} a block for each line, those of a list together
 */
export function blocksOf(text) {
  /** @type {Block[]} */
  const found = []
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const item = ITEM.exec(line)
    const last = found.at(-1)
    if (!item) found.push({kind: "p", text: line})
    else {
      const kind = item[1] ? "ul" : "ol"
      if (last?.kind === kind) last.items.push(item[2])
      else found.push({kind, items: [item[2]]})
    }
  }
  return found
}

/**
 * @param {string} text of a paragraph or an item
 * @returns {Span[]}
 */
export function spansOf(text) {
  /** @type {Span[]} */
  const found = []
  let rest = 0
  for (const match of text.matchAll(/`([^`]+)`|\*\*(?=\S)(.+?)(?<=\S)\*\*|\*(?=[^\s*])([^*]*?[^\s*])\*/g)) {
    if (match.index > rest) found.push({kind: "", text: text.slice(rest, match.index)})
    if (match[1]) found.push({kind: "code", text: match[1]})
    else if (match[2]) found.push({kind: "strong", text: match[2]})
    else found.push({kind: "em", text: match[3]})
    rest = match.index + match[0].length
  }
  if (rest < text.length) found.push({kind: "", text: text.slice(rest)})
  return found
}

/** @param {string} text @returns {(Node | string)[]} */
export function inline(text) {
  return spansOf(text).map(({kind, text}) => kind ? make(kind, {}, text) : text)
}

/** @param {string} text @returns {HTMLElement[]} */
export function markdown(text) {
  return blocksOf(text).map((block) => block.kind === "p" ? make("p", {}, ...inline(block.text))
    : make(block.kind, {}, ...block.items.map((item) => make("li", {}, ...inline(item)))))
}
