// A lesson: a prediction, its runs one after the other, and what they come to. What was predicted and taken stands in the address.

/** @import {LessonReport, ListenPage, Offer, RunState} from "./types" */

import {button, counted, freshId, make} from "./dom.js"
import {ask} from "./listen_ask.js"
import {begin, introScreen, partOf} from "./listen_choose.js"
import {following, resultScreen, sendTo} from "./listen_result.js"
import {drawnBy} from "./listen_room.js"
import {sharing} from "./listen_share.js"

/** @param {ListenPage} page @returns {string[]} the runs that were finished */
function runsOf(page) {
  return (page.remembered().runs ?? "").split(".").filter(Boolean)
}

/** @param {ListenPage} page @returns {number | null} the number of the choice that was predicted */
function saidOf(page) {
  const {said} = page.remembered()
  return said ? Number(said) : null
}

/**
 * Show where a lesson is: its beginning, the next run, or its end.
 * @param {ListenPage} page
 */
export async function lessonScreen(page) {
  const done = runsOf(page).length
  if (saidOf(page) === null) predictScreen(page)
  else if (done === 0) introScreen(page, page.chosen[0])
  else if (done < page.chosen.length) nextScreen(page, done)
  else await endScreen(page)
}

/**
 * A run of the lesson is finished.
 * @param {ListenPage} page
 * @param {RunState} state
 */
export async function partDone(page, state) {
  const runs = runsOf(page)
  if (!runs.includes(state.run)) runs.push(state.run)
  page.remember({run: "", runs: runs.join(".")})
  await lessonScreen(page)
}

/** @param {ListenPage} page */
function predictScreen(page) {
  const lesson = /** @type {NonNullable<ListenPage["lesson"]>} */ (page.lesson)
  const on = button({class: "strong go", disabled: true, onclick: () => {
    const chosen = /** @type {HTMLInputElement | null} */ (page.main.querySelector("input:checked"))
    page.remember({said: chosen?.value ?? "", runs: ""})
    void lessonScreen(page)
  }}, "Keep this prediction")
  const choices = lesson.choices.map((says, k) => {
    const id = freshId("choice")
    return make("p", {class: "flag"},
      make("input", {type: "radio", name: "prediction", id, value: String(k), onchange: () => { on.disabled = false }}),
      make("label", {for: id}, says))
  })
  page.show(
    make("h1", {}, lesson.title),
    make("p", {class: "lead"}, lesson.question),
    make("p", {}, lesson.text),
    make("p", {class: "fine"}, `About ${counted(lesson.minutes, "minute")}: first your prediction, then ` +
      `${counted(lesson.parts.length, "short test")}, then what you, a model of the ear and others found, and why.`),
    make("fieldset", {class: "prediction"}, make("legend", {}, "What do you expect? "), make("p", {}, lesson.ask), ...choices),
    make("p", {class: "row"}, on),
    page.room ? null : make("details", {class: "teaching"}, make("summary", {}, "Link, and a room for a class"),
      make("p", {}, "In a room, the class’s results appear as they arrive; at the end, students see them beside their own."),
      sharing(() => Promise.resolve(`lesson=${lesson.slug}`), () => page.chosen.map((each) => each.link), lesson.slug),
      make("p", {class: "row"}, button({onclick: () => void endScreen(page)}, "Show the end without taking the lesson"))))
  page.keys = {Enter: () => on.click()}
  lesson.choices.forEach((_, k) => {
    page.keys[String(k + 1)] = () => page.main.querySelectorAll("input")[k]?.click()
  })
}

/** @param {ListenPage} page @param {number} done how many runs were taken */
function nextScreen(page, done) {
  const offer = page.chosen[done]
  const problem = make("p", {class: "problem", role: "alert"})
  const on = button({class: "strong go", onclick: () => begin(page, offer, on, problem, true)}, "Go on")
  page.show(
    make("h1", {}, partOf(page, offer)),
    make("p", {class: "lead"}, offer.instruction),
    make("p", {class: "fine"}, `About ${counted(offer.minutes, "minute")}. Leave the volume as it is.`),
    make("p", {class: "row"}, on, button({onclick: () => begin(page, offer, on, problem)}, "Practise first")),
    problem)
  page.keys = {Enter: () => on.click()}
}

/** @param {ListenPage} page */
async function endScreen(page) {
  const lesson = /** @type {NonNullable<ListenPage["lesson"]>} */ (page.lesson)
  const runs = runsOf(page)
  const said = saidOf(page)
  const body = make("div", {class: "result"})
  const status = make("p", {class: "fine", role: "status"})
  page.show(
    make("h1", {}, lesson.title),
    make("p", {class: "lead"}, lesson.question),
    status, body,
    page.room && runs.length ? sendTo(page, runs, {lesson: lesson.slug, said}, () => void look()) : null,
    make("p", {class: "row"},
      ...runs.map((run, k) => button({onclick: () => void detail(page, run)}, `Part ${k + 1} trial by trial`)),
      runs.length ? button({onclick: () => {
        page.remember({run: "", runs: "", said: ""})
        void lessonScreen(page)
      }}, "Take it again") : button({onclick: () => predictScreen(page)}, "Take the lesson")))
  const look = following({type: "lesson", lesson: lesson.slug, runs, said, room: page.room}, body, draw, status,
    "The model is taking the tests …")
  await look()
}

/** @param {ListenPage} page @param {string} run */
async function detail(page, run) {
  /** @type {RunState & {offer: Offer}} */
  const state = await ask({type: "state", run})
  await resultScreen(page, page.chosen.find((each) => each.link === state.link) ?? state.offer, state)
}

/** @param {HTMLElement} body @param {LessonReport} found */
function draw(body, {predicted, ask: asked, heads, rows, picture, sentences, known, answer, look, lab}) {
  const table = make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((each) => make("th", {scope: "col"}, each)))),
    make("tbody", {}, ...rows.map(([name, ...cells]) =>
      make("tr", {}, make("th", {scope: "row"}, name), ...cells.map((each) => make("td", {}, each))))))
  body.replaceChildren(
    make("p", {}, asked),
    predicted ? make("p", {}, "You predicted: ", make("b", {}, predicted)) : "",
    make("div", {class: "pictures"},
      make("section", {}, make("h2", {}, "What was found"), make("div", {class: "scroll"}, table),
        ...sentences.map((sentence) => make("p", {}, sentence))),
      make("section", {}, make("h2", {}, "Thresholds"), drawnBy(picture, "picture"))),
    make("h2", {}, "What is known about people"), make("p", {}, known),
    make("h2", {}, "Why"), make("p", {}, answer),
    make("h2", {}, "Look inside the model"), make("p", {}, look),
    make("p", {}, make("a", {href: lab, target: "_blank"}, "Open this in the perception lab")))
}
