// Two sounds and X, compared blind. What X is, or which sound is A, is drawn anew after each answer.
(() => {
  const box = document.currentScript.previousElementSibling;
  const { names, sources, reference } = JSON.parse(box.dataset.comparison);

  function chance(right, trials) {
    let ways = 1, sum = 0;
    for (let k = trials; k >= right; k--) {
      sum += ways;
      ways *= k / (trials - k + 1);
    }
    return sum / 2 ** trials;
  }

  function made(kind, text, into) {
    const element = document.createElement(kind);
    element.textContent = text;
    into.append(element);
    return element;
  }

  box.textContent = "";
  const players = {}, counts = [0, 0];
  for (const letter of ["A", "B", "X"]) {
    const row = made("div", "", box);
    row.style.cssText = "display: flex; align-items: center; gap: 0.6em; margin: 0.2em 0";
    made("strong", letter, row).style.width = "1em";
    players[letter] = made("audio", "", row);
    players[letter].controls = true;
    players[letter].setAttribute("aria-label", letter);
  }
  const buttons = made("div", "", box);
  const words = made("p", reference
    ? "X is the reference. Which of the two is more like it, A or B?"
    : "X is one of the two. Which?", box);
  words.setAttribute("role", "status");

  let first = 0, x = 0;
  function draw() {
    if (reference) first = Math.random() < 0.5 ? 0 : 1;
    x = reference ? 2 : Math.random() < 0.5 ? 0 : 1;
    players.A.src = sources[first];
    players.B.src = sources[1 - first];
    players.X.src = sources[x];
  }

  function answered(second) {
    const chosen = second ? 1 - first : first;
    const won = reference ? chosen : chosen === x ? 0 : 1;
    counts[won] += 1;
    const trials = counts[0] + counts[1];
    const most = reference ? Math.max(...counts) : counts[0];
    const share = Math.round(100 * Math.min(1, (reference ? 2 : 1) * chance(most, trials)));
    words.textContent = reference
      ? `You chose “${names[chosen]}”. So far ${names[0]}: ${counts[0]}, ${names[1]}: ${counts[1]}. Guessing is as ` +
        `uneven or more in ${share} % of such series. A and B are drawn anew.`
      : `${won ? "Wrong" : "Right"}: ${counts[0]} of ${trials}. Guessing gets that many or more in ${share} % of such ` +
        "series. The next X is ready.";
    draw();
  }

  for (const [second, letter] of ["A", "B"].entries()) {
    const button = made("button", reference ? `${letter} is more like X` : `X is ${letter}`, buttons);
    button.type = "button";
    button.style.cssText = "font: inherit; margin: 0.3em 0.6em 0.3em 0; padding: 0.3em 0.9em";
    button.addEventListener("click", () => answered(second));
  }
  draw();
})();
