/** Wraps the platform: ends the connection under a request whose client does not read, which no response can do. */

/** Nothing more is sent. A request that has no connection of its own is left to whoever serves it. */
export const cut = (source: object): void => {
  if ("destroy" in source && typeof source.destroy === "function") source.destroy()
}
