/** The daemon's configuration in the simulation, as the checker knows it. */
export const WINDOW_MS = 5000
export const EXPIRE_EVERY_MS = 250
export const LOOK_EVERY_MS = 1000
/** Of the application `ivr`. */
export const IVR_MAX = 2
/** A session of the application `brief` is ended after this. */
export const BRIEF_MS = 4000
