import type { X509Certificate } from 'node:crypto'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Html } from '../../../html.ts'
import type { Logger } from '../../../log.ts'
import type { Answer, LicenseAnswer, LicensingService } from '../../service.ts'
import { askService, beginProblem, type Exchange } from '../exchange.ts'
import { explain } from '../explain.ts'
import { httpProblem, ProblemError } from '../problems.ts'
import { formView, type Trouble } from './form-view.ts'
import { layout } from './layout.ts'
import { licenseFileName, readOwnLicense } from './license-file.ts'
import {
  confirmationView,
  licenseField,
  licenseFilePath,
  licenseView,
  revocationFilePath,
} from './result-view.ts'
import { stylesheet } from './stylesheet.ts'
import {
  checkForm,
  emptyForm,
  type FormValues,
  fieldOfRefusal,
  readForm,
  readSingleField,
} from './submission.ts'

export interface PageLook {
  /** The vendor's name as the page shows it; null: none. */
  vendor: string | null
}

export interface PageParts extends Exchange, PageLook {
  service: LicensingService
  /** Whose licenses are handed out as files. */
  trustedRoots: readonly X509Certificate[]
  maxBodyBytes: number
  log: Logger
}

const hidden = { schema: { hide: true } }

/**
 * The manual-activation page: plain forms and no script. It calls the same service under the same limits as the
 * API, and keeps nothing between two requests, so that each may reach another server.
 */
export async function registerPage(app: FastifyInstance, parts: PageParts): Promise<void> {
  await app.register(multipart)
  app.addHook('onRequest', async request => {
    if (request.method !== 'POST') return
    refuseOtherSites(request)
    refuseUnbounded(request, parts.maxBodyBytes)
  })
  app.setErrorHandler((error, request, reply) =>
    sendProblemPage(parts, request, reply, explain(error, request, parts.log)),
  )
  app.get('/', hidden, async (_request, reply) => sendForm(parts, reply, emptyForm, null))
  app.post('/', hidden, (request, reply) => submit(parts, request, reply))
  app.post(licenseFilePath, hidden, async (request, reply) => {
    const text = await readSingleField(request, licenseField)
    const license = await readOwnLicense(text, parts.trustedRoots)
    if (license === null) {
      throw new ProblemError(httpProblem('file-not-license', 'What was sent is no license of this vendor.'))
    }
    return sendFile(reply, licenseFileName(license), text)
  })
  app.get<{ Params: { index: string } }>(`${revocationFilePath}/:index`, hidden, async (request, reply) => {
    const list = (await parts.service.revocationLists())[Number(request.params.index) - 1]
    if (list === undefined) throw new ProblemError(httpProblem('not-found', 'There is no such list.'))
    return sendFile(reply, 'revoked.jws', list)
  })
  app.get('/style.css', hidden, async (_request, reply) =>
    reply
      .type('text/css; charset=utf-8')
      .header('cache-control', 'public, max-age=31536000')
      .send(stylesheet),
  )
}

async function submit(parts: PageParts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const values = await readForm(request)
  const form = checkForm(values)
  if (!form.ok) {
    request.outcome = { problem: 'form-incomplete' }
    reply.status(422)
    const heading = 'Something is missing or wrong'
    const nothing = { message: '', hint: null, representative: null, reference: null }
    return sendForm(parts, reply, values, { heading, errors: form.errors, ...nothing })
  }
  try {
    const { installationKey, sessions } = form
    const options = { installationKey, ...(sessions === undefined ? {} : { sessions }) }
    const answer = await askService(parts, request, form, () => parts.service.submit(form.request, options))
    return await sendResult(parts, reply, answer)
  } catch (error) {
    // What was typed stays in the form, so that one thing can be mended.
    return sendProblemPage(parts, request, reply, explain(error, request, parts.log), values)
  }
}

async function sendResult(
  parts: PageParts,
  reply: FastifyReply,
  answer: Exclude<Answer, { kind: 'refused' }>,
): Promise<FastifyReply> {
  if (answer.kind === 'confirmed') {
    return sendPage(parts, reply, { title: 'The deactivation is confirmed', body: confirmationView(answer) })
  }
  const title = answer.deactivated ? 'This machine is being deactivated' : 'The license is ready'
  return sendPage(parts, reply, { title, body: licenseView(answer, await licenseOf(parts, answer)) })
}

async function licenseOf({ trustedRoots }: PageParts, answer: LicenseAnswer) {
  const license = await readOwnLicense(answer.license, trustedRoots)
  if (license !== null) return license
  throw new TypeError('The license just issued does not lead to a root of the authority.')
}

/** Tells a person what went wrong, above the form with what was typed. */
export function sendProblemPage(
  look: PageLook,
  request: FastifyRequest,
  reply: FastifyReply,
  error: ProblemError,
  values: FormValues = emptyForm,
): FastifyReply {
  const { code, title, detail, hint, accountRepresentative, requestId } = beginProblem(request, reply, error)
  const field = fieldOfRefusal(code)
  return sendForm(look, reply, values, {
    heading: field === null ? title : 'No license was issued',
    message: field === null && detail !== title ? detail : '',
    hint: waitingHint(error) ?? pageHints[code] ?? hint,
    errors: field === null ? [] : [{ field, message: detail }],
    representative: accountRepresentative ?? null,
    reference: `For whoever helps you: ${code}, request ${requestId}`,
  })
}

const sendAgain = 'Fill the form in below, and send it again.'

/** Where the hint of the API speaks of what nobody sees on a page. */
const pageHints: Record<string, string> = {
  'not-found': 'The form to activate a machine is below.',
  'method-not-allowed': sendAgain,
  'body-invalid': sendAgain,
  'content-type-unsupported': sendAgain,
  'length-required': sendAgain,
}

/** The API says it in a header. */
function waitingHint({ problem, retryAfterSeconds }: ProblemError): string | null {
  if (retryAfterSeconds === null) return null
  if (problem.status === 429) return `Wait ${sayWait(retryAfterSeconds)}, then send the form again.`
  return `Wait a moment, then send the form again: nothing is claimed twice.`
}

function sayWait(seconds: number): string {
  if (seconds < 120) return seconds === 1 ? '1 second' : `${seconds} seconds`
  return `${Math.ceil(seconds / 60)} minutes`
}

function sendForm(
  look: PageLook,
  reply: FastifyReply,
  values: FormValues,
  trouble: Trouble | null,
): FastifyReply {
  const body = formView(values, trouble)
  const title = 'Activate a machine by hand'
  return sendPage(look, reply, trouble === null ? { title, body } : { prefix: 'Error', title, body })
}

function sendPage(
  { vendor }: PageLook,
  reply: FastifyReply,
  content: { prefix?: string; title: string; body: Html },
): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(layout({ ...content, vendor }))
}

function sendFile(reply: FastifyReply, name: string, text: string): FastifyReply {
  return reply
    .type('application/jose')
    .header('content-disposition', `attachment; filename="${name}"`)
    .send(`${text}\n`)
}

/**
 * Browsers say whose form it is; where they do not, older ones still say from where it comes. There is no session that
 * another site could ride on; its visitors' addresses are.
 */
function refuseOtherSites(request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (site === 'same-origin' || site === 'none') return
  if (site === undefined && (origin === undefined || origin.replace(/^https?:\/\//, '') === request.host))
    return
  throw new ProblemError(httpProblem('cross-site', 'The form was sent by another web site.'))
}

/** Forms are read as they arrive, so their length is known before, or they are not read. */
function refuseUnbounded(request: FastifyRequest, maxBodyBytes: number): void {
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  if (length <= maxBodyBytes) return
  throw new ProblemError(
    Number.isNaN(length)
      ? httpProblem('length-required', 'The form does not say how long it is.')
      : httpProblem('body-too-large', `The form has ${length} bytes; at most ${maxBodyBytes} are read.`),
  )
}
