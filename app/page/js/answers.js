// What a student answers to a lesson's questions: kept in the browser alone, and printed on the worksheet.

import {make} from "./dom.js"

// Longest answer, characters.
const LONGEST = 4000

/** @param {string} ask the question @returns {string} */
function keyOf(ask) {
  return `amtlab-answer:${location.pathname}:${ask}`
}

/** @param {string} ask @returns {string} what was answered */
export function answerTo(ask) {
  try {
    return localStorage.getItem(keyOf(ask)) ?? ""
  } catch {
    return ""  // the browser keeps nothing
  }
}

/**
 * @param {string} ask the question
 * @returns {HTMLTextAreaElement} where it is answered
 */
export function answerBox(ask) {
  const box = make("textarea", {class: "answer", rows: 2, maxLength: LONGEST, "aria-label": `Your answer: ${ask}`,
    placeholder: "Your answer; it stays in this browser, and stands on the worksheet"})
  box.value = answerTo(ask)
  box.addEventListener("input", () => {
    try {
      if (box.value) localStorage.setItem(keyOf(ask), box.value)
      else localStorage.removeItem(keyOf(ask))
    } catch { /* it is printed as long as the page is open */ }
  })
  return box
}
