/**
 * Which requests were meant for the page's host: not those of a page of another site, nor of one whose name was rebound to this machine.
 *
 * Checked before anything of a request is used: `Host` names this machine and this port, `Origin` is that host where there is one, and
 * `Sec-Fetch-Site` says of no other site. A POST is JSON, which no form can send.
 */

/** What of a request decides. Names of headers are in lower case. */
export interface RequestView {
  readonly method: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Why a request is not let in. */
export interface Refusal {
  readonly status: number
  readonly message: string
}

/** Whether a value of `Host` is a loopback name with this port. */
export const loopback = (port: number) => (host: string): boolean =>
  ["127.0.0.1", "localhost", "[::1]"].some((name) => host === `${name}:${port}` || (port === 80 && host === name))

/** Undefined: pass. `isOurs` judges the value of `Host`, in lower case. */
export const judge = (
  { headers, method }: RequestView,
  isOurs: (host: string) => boolean
): Refusal | undefined => {
  const host = headers["host"]?.toLowerCase()
  if (host === undefined || !isOurs(host)) {
    return {
      status: 403,
      message: "this page is not known by the name in the header Host; open the address as printed"
    }
  }
  const origin = headers["origin"]?.toLowerCase()
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return { status: 403, message: "pages of another origin may not use this one" }
  }
  const site = headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin" && !(site === "none" && method === "GET")) {
    // A link of another site opens the page, which is empty without a session; its scripts, styles and data are for itself.
    const isOpening = method === "GET" && headers["sec-fetch-mode"] === "navigate" &&
      headers["sec-fetch-dest"] === "document"
    if (!isOpening) return { status: 403, message: "pages of other sites may not use this one" }
  }
  if (method !== "POST") return undefined
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase()
  return type === "application/json" ? undefined : { status: 415, message: "the body must be application/json" }
}
