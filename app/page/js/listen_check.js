// The check of the headphones: six trials whose pitch is lost over loudspeakers.

/** @import {ListenPage, RunState} from "./types" */

import {ask} from "./listen_ask.js"
import {trialPad} from "./listen_pad.js"

/**
 * @param {ListenPage} page
 * @param {(found: string) => void} leave is called with what was found
 */
export async function checkScreen(page, leave) {
  /** @type {RunState} */
  let state = await ask({type: "check"})
  const pad = trialPad(page, {
    head: "Which noise has a faint tone in it?",
    help: "The tone is there for two ears together only: it is lost over loudspeakers. Not hearing it at all is a finding, too.",
    intervals: 3, repeat: true,
    leave: () => leave("The headphones were not checked."),
  })
  while (!state.finished) {
    const {number} = state
    const answer = await pad.trial(state.run, number, `Trial ${number + 1} of ${state.of}`)
    if (answer === null) return
    state = (await ask({type: "answer", run: state.run, number, answer: answer.interval})).state
  }
  leave(state.passed
    ? "All six were right: you very likely wear headphones."
    : `${state.right} of six were right: these are no headphones, or they are worn loosely, or noise is about. You may go on.`)
}
