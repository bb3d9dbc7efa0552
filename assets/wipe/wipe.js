/* Two photos of one view on top of each other: the slider moves the line between them, or blends
   them. Nothing is told to the server. */

export default function ({ parentElement, data }) {
  const frame = parentElement.querySelector(".frame");
  const before = parentElement.querySelector(".before");
  const after = parentElement.querySelector(".after");
  const slider = parentElement.querySelector(".slider");
  const [left, right] = parentElement.querySelectorAll(".tag");

  if (before.getAttribute("src") !== data.before) before.src = data.before;
  if (after.getAttribute("src") !== data.after) after.src = data.after;
  before.alt = data.words.before;
  after.alt = data.words.after;
  left.textContent = data.words.before;
  right.textContent = data.words.after;
  slider.setAttribute("aria-label", data.words.slider);
  frame.classList.toggle("blending", data.blend);

  const show = () => {
    const share = Number(slider.value);
    frame.style.setProperty("--share", `${share}%`);
    before.style.clipPath = data.blend ? "" : `inset(0 ${100 - share}% 0 0)`;
    before.style.opacity = data.blend ? String(share / 100) : "1";
    slider.setAttribute("aria-valuetext", `${data.words.before} ${share} %`);
  };
  slider.oninput = show;
  show();
  return () => {
    slider.oninput = null;
  };
}
