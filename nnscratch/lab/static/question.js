// The choices become buttons; the one that is pressed is the prediction, and opens what happened.
"use strict";

const { feedback, seen } = JSON.parse(document.getElementById("data").textContent);
const [list, answer] = ["choices", "answer"].map((id) => document.getElementById(id));

[...list.children].forEach((item, place) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...item.childNodes);
  button.addEventListener("click", () => {
    for (const other of list.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    document.getElementById("feedback").textContent = feedback[place];
    [...list.children].forEach((each, k) => each.classList.toggle("seen", k + 1 === seen));
    answer.open = true;
  });
  item.append(button);
});
