// What a run comes to, the model beside it, files, code, and what is sent to a class.

/** @import {ListenPage, Offer, RunReport, RunState} from "./types" */

import {button, make} from "./dom.js"
import {Refused, ask} from "./listen_ask.js"
import {classPictures, drawnBy} from "./listen_room.js"
import {fetchFile} from "./listen_share.js"

/** How often a page looks whether the model is done, ms. */
const LOOK_MS = 1500

/**
 * Keep a report up to date until the model is done.
 * @template {{waiting: boolean}} T
 * @param {Record<string, unknown>} message that asks for it
 * @param {HTMLElement} body where it stands
 * @param {(body: HTMLElement, found: T) => void} draw
 * @param {HTMLElement} status
 * @param {string} meanwhile what is said there until then
 * @returns {() => Promise<void>} asks for it; once more, where what is asked has changed
 */
export function following(message, body, draw, status, meanwhile) {
  let asked = 0, before = ""
  return async () => {
    asked += 1
    const mine = asked
    for (;;) {
      /** @type {T} */
      const found = await ask(message)
      if (mine !== asked || !body.isConnected) return
      const now = JSON.stringify(found)
      if (now !== before) draw(body, found)
      before = now
      status.textContent = found.waiting ? meanwhile : ""
      if (!found.waiting) return
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
}

/** @param {ListenPage} page @param {Offer} offer @param {RunState} state */
export async function resultScreen(page, offer, state) {
  const {run} = state
  const ears = ["NH"]
  const body = make("div", {class: "result"})
  const status = make("p", {class: "fine", role: "status"})
  const impaired = button({"aria-pressed": "false", onclick: () => {
    if (ears.length === 1) ears.push("HIx")
    else ears.pop()
    impaired.setAttribute("aria-pressed", String(ears.length === 2))
    void look()
  }}, "Let it listen without outer hair cells")
  const same = make("div", {class: "same"})
  const hears = button({onclick: () => void listen()}, "Let it hear your trials")
  const code = make("pre", {tabindex: "0", hidden: true})
  const shows = button({"aria-expanded": "false", onclick: async () => {
    if (!code.textContent) code.textContent = (await ask({type: "code", run})).text
    code.hidden = !code.hidden
    shows.setAttribute("aria-expanded", String(!code.hidden))
  }}, "Show the code")
  page.show(
    make("h1", {}, offer.asks), status, body,
    make("p", {class: "row"}, impaired, hears), same,
    page.lesson ? make("p", {}, button({class: "strong", onclick: () => void page.finished(offer, state)}, "Back to the lesson"))
      : state.room ? sendTo(page, [run]) : null,
    make("p", {class: "row"},
      button({onclick: () => void fetchFile({type: "export", run, kind: "csv"})}, "CSV"),
      button({onclick: () => void fetchFile({type: "export", run, kind: "json"})}, "JSON"),
      shows,
      page.lesson ? null : button({onclick: () => {
        page.remember({run: ""})
        location.reload()
      }}, "Take it again")),
    code)
  const look = following({type: "result", run, ears}, body, draw, status, "The model is taking the test …")
  const listen = async () => {
    hears.disabled = true
    same.textContent = "The model hears your trials …"
    try {
      for (;;) {
        /** @type {{html?: string, waiting?: boolean}} */
        const found = await ask({type: "same", run, ear: "NH"})
        if (!same.isConnected) return
        if (found.html) {
          same.replaceChildren(drawnBy(found.html, "same-trials"))
          return
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem
      same.textContent = problem.message
      hears.disabled = false
    }
  }
  await look()
}

/** @param {HTMLElement} body @param {RunReport} found */
function draw(body, {thresholds, known, sentences, track, functions, table}) {
  const open = body.querySelector("details")?.open ?? false
  const rows = thresholds.map(([kind, name, says]) =>
    make("div", {}, make("dt", {}, make("span", {class: `key ${kind}`}), name), make("dd", {}, says)))
  if (known) rows.push(make("div", {}, make("dt", {}, make("span", {class: "key known"}), "Known about people"), make("dd", {}, known)))
  body.replaceChildren(
    make("dl", {class: "thresholds"}, ...rows),
    ...sentences.map((sentence) => make("p", {}, sentence)),
    make("div", {class: "pictures"},
      make("section", {}, make("h2", {}, "Trial by trial"), drawnBy(track, "picture"),
        make("p", {class: "fine"}, "Filled: right. Hollow: wrong. Dashed: the threshold.")),
      make("section", {}, make("h2", {}, "How often right"), drawnBy(functions, "picture"),
        make("p", {class: "fine"}, "Your dots: share of right answers, larger where there are more; your curve is fitted to all " +
          "of them. The model’s: its chance of being right in each trial of its own run, and a curve fitted to these."))),
    make("details", {open}, make("summary", {}, "The numbers"), drawnBy(table, "scroll")))
}

/**
 * @param {ListenPage} page
 * @param {string[]} runs
 * @param {Record<string, unknown>} [prediction] of the lesson whose runs they are
 * @param {() => void} [sent] is called when the class has them
 */
export function sendTo(page, runs, prediction = {}, sent = () => {}) {
  const many = runs.length > 1 ? "s" : ""
  const place = make("section", {class: "sending"})
  const send = button({class: "strong go", onclick: async () => {
    send.disabled = true
    try {
      for (const run of runs) await ask({type: "send", run, ...prediction})
      place.replaceChildren(make("h2", {}, "Sent. The class so far"), classPictures(page))
      sent()
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem
      send.disabled = false
      place.append(make("p", {class: "problem", role: "alert"}, problem.message))
    }
  }}, `Send my threshold${many} to the class`)
  place.append(make("p", {}, `Nothing has left for the class yet. Only your threshold${many} with interval and number of trials` +
    `${prediction.lesson ? ", and your prediction," : ""} will be sent: no name, no address.`), send)
  return place
}
