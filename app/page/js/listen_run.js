// A run: practice, then trial after trial. What was answered is on the server; a page that comes back goes on there.

/** @import {ListenPage, Offer, RunState, Told} from "./types" */

import {button, counted, drawn, make} from "./dom.js"
import {ask} from "./listen_ask.js"
import {trialPad} from "./listen_pad.js"
import {sure} from "./listen_share.js"

/** Trials of practice. */
export const PRACTICE = 3

/**
 * @param {ListenPage} page
 * @param {Offer} offer
 * @param {RunState} state
 * @param {boolean} [pressed] whether a press led here, so that sound may begin
 */
export function runScreen(page, offer, state, pressed = false) {
  if (pressed) {
    void (state.practised < PRACTICE && state.number === 0 ? practise(page, offer, state) : go(page, offer, state))
    return
  }
  const on = button({class: "strong go", onclick: () => runScreen(page, offer, state, true)}, "Continue")
  page.show(
    make("h1", {}, "Your run is kept"),
    make("p", {}, `${offer.asks} ${state.number ? `Trial ${state.number + 1} waits for you` : "It has not begun yet"}; ` +
      "whatever you have answered counts. Is the volume still as you set it?"),
    make("p", {class: "row"}, on, button({onclick: () => anew(page, offer)}, "Start anew")))
  page.keys = {Enter: () => on.click()}
}

/** @param {ListenPage} page @param {Offer} offer */
function anew(page, offer) {
  page.busy = false
  page.remember({run: ""})
  page.intro(offer)
}

/** @param {ListenPage} page @param {Offer} offer @param {RunState} state */
async function practise(page, offer, state) {
  const skip = () => void go(page, offer, state)
  const pad = trialPad(page, {head: offer.question, help: "Practice: you are told each time, and nothing counts yet.",
    intervals: offer.intervals, repeat: true, leave: skip, leaveLabel: "Skip practice"})
  for (let k = state.practised + 1; k <= PRACTICE; k += 1) {
    const answer = await pad.trial(state.run, -k, `Practice ${k} of ${PRACTICE}`)
    if (answer === null) return
    /** @type {{told: Told}} */
    const {told} = await ask({type: "answer", run: state.run, number: -k, answer: answer.interval, after: answer.after})
    await pad.tell(told, answer.interval)
    if (pad.isLeft()) return
  }
  const on = button({class: "strong go", onclick: () => void go(page, offer, state)}, "Begin the test")
  page.show(
    make("h1", {}, "Now it counts"),
    make("p", {class: "lead"}, "It gets harder after right answers and easier after wrong ones, until it has found where you " +
      "are right about as often as wrong. You will often be unsure: that is how it should be. Guess then."),
    make("p", {class: "row"}, on, button({onclick: () => void practise(page, offer, {...state, practised: 0})}, "Practise again")))
  page.keys = {Enter: () => on.click()}
}

/** @param {ListenPage} page @param {Offer} offer @param {RunState} state */
async function go(page, offer, state) {
  page.busy = true
  const pad = trialPad(page, {head: offer.question, help: "", intervals: offer.intervals, repeat: offer.repeat,
    leaveLabel: "Give up", leave: async () => {
      if (await sure("Give this run up? What you have answered is lost.", "Give up")) anew(page, offer)
      else void go(page, offer, (await ask({type: "state", run: state.run})))
    }})
  while (!state.finished) {
    const {number} = state
    drawTrack(pad.picture, state)
    const answer = await pad.trial(state.run, number, `${counted(state.left, state.unit)} left`)
    if (answer === null) return
    /** @type {{told: Told, state: RunState}} */
    const {told, state: next} =
      await ask({type: "answer", run: state.run, number, answer: answer.interval, after: answer.after})
    state = next
    if (!state.finished) pad.prepare(state.run, state.number)
    pad.progress(`${counted(state.left, state.unit)} left`)
    await pad.tell(told, answer.interval)
    if (pad.isLeft()) return
  }
  page.busy = false
  delete page.main.dataset.state
  await page.finished(offer, state)
}

/**
 * The track while it goes, without numbers: which way it moves.
 * @param {HTMLElement} place
 * @param {RunState} state
 */
function drawTrack(place, {track}) {
  if (!track.length) return
  const values = track.map(([value]) => value)
  const low = Math.min(...values)
  const height = Math.max(...values) - low || 1
  const dots = track.map(([value, right], k) => drawn("circle", {cx: 10 * k + 10,
    cy: 110 - (100 * (value - low)) / height, r: 3.5, class: `dot you${right ? "" : " hollow"}`}))
  place.replaceChildren(drawn("svg", {viewBox: `0 0 ${Math.max(track.length, 20) * 10 + 20} 120`, role: "img",
    "aria-label": `Track of ${track.length} trials, now at ${values[values.length - 1]}`}, ...dots))
}
