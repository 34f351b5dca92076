/** The programs whose configs are imported and adopted, in the order in which they are shown. */
import { claudeCode } from "./claudeCode.ts"
import { claudeDesktop } from "./claudeDesktop.ts"
import { cline } from "./cline.ts"
import { codex } from "./codex.ts"
import { cursor } from "./cursor.ts"
import { gemini } from "./gemini.ts"
import { goose } from "./goose.ts"
import type { Host } from "./Host.ts"
import { opencode } from "./opencode.ts"
import { roo } from "./roo.ts"
import { vscode } from "./vscode.ts"
import { windsurf } from "./windsurf.ts"
import { zed } from "./zed.ts"

export const hosts: ReadonlyArray<Host> = [
  claudeCode,
  claudeDesktop,
  cursor,
  vscode,
  zed,
  codex,
  gemini,
  windsurf,
  cline,
  roo,
  opencode,
  goose
]

export const hostNamed = (name: string): Host | undefined =>
  hosts.find((host) => host.name === name.toLowerCase() || host.title.toLowerCase() === name.toLowerCase())
