/** What one of the doctor's checks has found. */

/** In the order in which they are shown. */
export const subjects = ["toolchain", "config", "server", "daemon", "process", "sharing"] as const

export interface Finding {
  readonly about: (typeof subjects)[number]
  /** The command, the file, the server, the path. */
  readonly subject: string
  /** `fault`: something is to be done. `note`: something could be done, or is to be known. */
  readonly level: "ok" | "note" | "fault"
  readonly message: string
  /** What to do. Every fault says so. */
  readonly todo?: string | undefined
}

export const ok = (about: Finding["about"], subject: string, message: string): Finding => ({
  about,
  subject,
  level: "ok",
  message
})

export const note = (about: Finding["about"], subject: string, message: string, todo?: string): Finding => ({
  about,
  subject,
  level: "note",
  message,
  todo
})

export const fault = (about: Finding["about"], subject: string, message: string, todo: string): Finding => ({
  about,
  subject,
  level: "fault",
  message,
  todo
})
