/**
 * The start of the page: what is drawn, when, and that text of others is only ever text.
 */
import { options, render } from "preact"
import { App } from "./App.tsx"
import * as Store from "./Store.ts"
import { visible } from "./Visible.ts"

/** Changes of a part are drawn with the next frame, as all others. */
options.debounceRendering = (draw) => requestAnimationFrame(draw)

const { vnode } = options
options.vnode = (node) => {
  vnode?.(node)
  makeVisible(node)
}

/** Every text, and every name that is read aloud or shown by a pointer, passes here. */
const makeVisible = (node: { type: unknown; props: unknown }): void => {
  if (typeof node.props === "string") {
    node.props = visible(node.props)
    return
  }
  if (typeof node.type !== "string" || typeof node.props !== "object" || node.props === null) return
  // The properties of an element, which is being made.
  const props = node.props as Record<string, unknown>
  for (const name of ["title", "aria-label"]) if (typeof props[name] === "string") props[name] = visible(props[name])
}

const root = document.createElement("div")
document.body.replaceChildren(root)
Store.onFrame(() => {
  const before = document.activeElement
  render(<App state={Store.current()} />, root)
  // A row that was moved has lost it.
  if (before instanceof HTMLElement && before.isConnected && document.activeElement !== before) {
    if (document.activeElement === document.body) before.focus({ preventScroll: true })
  }
})()
void Store.start()
