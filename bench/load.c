/*
 * The load generator: one thread, epoll, raw sockets, preformatted frames. In C, because a generator in Node
 * costs as much for each request as the servers that it measures, and would be what is measured.
 *
 *   load SOCKET PROTOCOL CONNECTIONS DEPTH BATCH SECONDS WARMUP RATE APPLICATIONS
 *
 * SOCKET       path of a Unix socket, or "tcp:PORT" on loopback
 * PROTOCOL     sessiond  WebSocket; acquires, then releases with the tokens it was given
 *              echo      WebSocket; the same acquire frames, answered by anything, one reply a frame
 *              raw       the same frames on a bare socket that echoes bytes
 *              redis     RESP; the Lua semaphore of bench/peers/semaphore.lua ($REDIS_SHA), then its release
 * DEPTH        frames outstanding on each connection (closed loop)
 * BATCH        requests in a frame
 * RATE         0: closed loop. Else calls a second over all connections, arriving as a Poisson process; latency
 *              then counts from when the call arrived, not from when it could be sent.
 *
 * APPLICATIONS 0: calls name none. Else they name so many applications in turns (sessiond).
 *
 * Prints one JSON object: operations a second and latency percentiles in microseconds. An operation is one
 * acquire or one release.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_MAX 64
#define IN_SIZE (1 << 20)
#define LANES_MAX 4096

enum protocol { SESSIOND, ECHO, RAW, REDIS };

/* One request in flight after another: an acquire, then the release of what it was granted. */
struct lane {
  int releasing;
  uint64_t sent_at;
  unsigned serial;
  char (*tokens)[TOKEN_MAX]; /* one for each request of a batch; "" where it was denied */
};

struct connection {
  int fd, index;
  struct lane *lanes;
  int *fifo; /* lanes in the order of their replies */
  unsigned head, tail;
  int *idle, idle_count; /* open loop: lanes that wait for a call */
  char *in;
  size_t in_used;
  char *out;
  size_t out_used, out_size;
};

static enum protocol protocol;
static int connections, depth, batch, applications;
static double rate;
static const char *redis_sha;
static uint64_t operations, granted, denied;
static int measuring;

/* An HDR histogram: 64 buckets for each power of two nanoseconds, so that the error is under 1.6 %. */
#define SUB 128
static uint64_t buckets[64 * SUB];
static uint64_t slowest, samples;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void record(uint64_t ns) {
  int shift = ns < SUB ? 0 : 63 - __builtin_clzll(ns) - 6;
  buckets[shift * SUB + (ns >> shift)]++;
  if (ns > slowest) slowest = ns;
  samples++;
}

static double bucket_us(int index) { return ldexp(index % SUB, index / SUB) / 1000.0; }

static double percentile(double p) {
  uint64_t want = (uint64_t)ceil(p / 100.0 * (double)samples), seen = 0;
  for (int i = 0; i < 64 * SUB; i++) {
    seen += buckets[i];
    if (seen >= want && seen > 0) return bucket_us(i);
  }
  return (double)slowest / 1000.0;
}

static void reserve(struct connection *c, size_t more) {
  if (c->out_used + more <= c->out_size) return;
  c->out_size = (c->out_used + more) * 2;
  if (!(c->out = realloc(c->out, c->out_size))) die("realloc");
}

static void put(struct connection *c, const char *bytes, size_t n) {
  reserve(c, n);
  memcpy(c->out + c->out_used, bytes, n);
  c->out_used += n;
}

/* A client's text frame; masked with zeros, so that the payload stays as it is. */
static void put_frame(struct connection *c, const char *payload, size_t n) {
  unsigned char head[14] = {0x81};
  size_t h = 2;
  if (n < 126) head[1] = 0x80 | (unsigned char)n;
  else if (n < 65536) { head[1] = 0x80 | 126; head[2] = n >> 8; head[3] = n & 255; h = 4; }
  else { head[1] = 0x80 | 127; for (int i = 0; i < 8; i++) head[2 + i] = i < 4 ? 0 : (n >> (8 * (7 - i))) & 255; h = 10; }
  memset(head + h, 0, 4);
  put(c, (char *)head, h + 4);
  put(c, payload, n);
}

static char text[IN_SIZE];
static int next_application;

static void send_lane(struct connection *c, int lane_index, uint64_t at) {
  struct lane *lane = &c->lanes[lane_index];
  size_t n = 0;
  lane->sent_at = at;
  c->fifo[c->tail++ & (LANES_MAX - 1)] = lane_index;
  if (protocol == REDIS) {
    for (int i = 0; i < batch; i++) {
      char id[48];
      int k = snprintf(id, sizeof id, "c%d-%d-%u-%d", c->index, lane_index, lane->serial, i);
      if (lane->releasing) n += sprintf(text + n, "*3\r\n$4\r\nSREM\r\n$8\r\nsessions\r\n$%d\r\n%s\r\n", k, id);
      else n += sprintf(text + n, "*6\r\n$7\r\nEVALSHA\r\n$40\r\n%s\r\n$1\r\n1\r\n$8\r\nsessions\r\n$%d\r\n%s\r\n$6\r\n100000\r\n", redis_sha, k, id);
    }
    put(c, text, n);
    return;
  }
  if (batch > 1) text[n++] = '[';
  for (int i = 0; i < batch; i++) {
    if (i) text[n++] = ',';
    if (lane->releasing)
      n += sprintf(text + n, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"session.release\",\"params\":{\"token\":\"%s\"}}", i + 1, lane->tokens[i]);
    else {
      n += sprintf(text + n, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"session.acquire\",\"params\":{\"key\":\"call-%d-%d-%u-%d\"", i + 1, c->index, lane_index, lane->serial, i);
      if (applications) n += sprintf(text + n, ",\"application\":\"app-%d\"", next_application++ % applications);
      n += sprintf(text + n, "}}");
    }
  }
  if (batch > 1) text[n++] = ']';
  put_frame(c, text, n);
}

static void flush(struct connection *c) {
  size_t sent = 0;
  while (sent < c->out_used) {
    ssize_t n = write(c->fd, c->out + sent, c->out_used - sent);
    if (n > 0) { sent += n; continue; }
    if (n < 0 && errno == EAGAIN) break;
    die("write");
  }
  memmove(c->out, c->out + sent, c->out_used - sent);
  c->out_used -= sent;
}

/* Takes the tokens of a reply, one for each request of the batch. */
static void take_tokens(struct lane *lane, const char *reply, size_t n) {
  const char *end = reply + n, *p = reply;
  for (int i = 0; i < batch; i++) {
    const char *yes = memmem(p, end - p, "\"granted\":", 10);
    lane->tokens[i][0] = 0;
    if (!yes) { fprintf(stderr, "unexpected reply: %.*s\n", (int)(n < 300 ? n : 300), reply); exit(1); }
    p = yes + 10;
    if (*p != 't') { denied++; continue; }
    const char *token = memmem(p, end - p, "\"token\":\"", 9);
    const char *quote = memchr(token + 9, '"', end - token - 9);
    size_t length = quote - token - 9;
    if (length >= TOKEN_MAX) { fprintf(stderr, "token too long\n"); exit(1); }
    memcpy(lane->tokens[i], token + 9, length);
    lane->tokens[i][length] = 0;
    p = quote;
    granted++;
  }
}

static void answered(struct connection *c, const char *reply, size_t n, uint64_t now) {
  int index = c->fifo[c->head++ & (LANES_MAX - 1)];
  struct lane *lane = &c->lanes[index];
  /* In the open loop only the acquire is measured: the call waits for it and for nothing else. */
  if (measuring) {
    operations += batch;
    if (rate == 0 || !lane->releasing) record(now - lane->sent_at);
  }
  if (protocol == SESSIOND && !lane->releasing) {
    take_tokens(lane, reply, n);
    if (lane->tokens[0][0]) { lane->releasing = 1; send_lane(c, index, now); return; }
  } else if (protocol == REDIS && !lane->releasing) {
    lane->releasing = 1; send_lane(c, index, now); return;
  } else if (rate > 0 && !lane->releasing) {
    /* an echo has no release; send a second frame for the same work */
    lane->releasing = 1; send_lane(c, index, now); return;
  }
  lane->releasing = 0;
  lane->serial++;
  if (rate > 0) c->idle[c->idle_count++] = index;
  else send_lane(c, index, now);
}

/* Length of the next whole reply in the buffer, or 0; sets where its payload begins. */
static size_t next_reply(struct connection *c, size_t at, size_t *payload, size_t *length) {
  unsigned char *p = (unsigned char *)c->in + at;
  size_t left = c->in_used - at;
  if (protocol == RAW) { /* what comes back is what was sent: a masked frame */
    if (left < 6) return 0;
    size_t h = 6, n = p[1] & 127;
    if (n == 126) { if (left < 8) return 0; n = (size_t)p[2] << 8 | p[3]; h = 8; }
    else if (n == 127) { if (left < 14) return 0; n = 0; for (int i = 2; i < 10; i++) n = n << 8 | p[i]; h = 14; }
    *payload = at + h; *length = n;
    return left < h + n ? 0 : h + n;
  }
  if (protocol == REDIS) {
    size_t lines = 0, used = 0;
    while (lines < (size_t)batch) {
      char *nl = memchr(p + used, '\n', left - used);
      if (!nl) return 0;
      if (p[used] == '-') { fprintf(stderr, "redis: %.*s\n", (int)(nl - (char *)p - used), p + used); exit(1); }
      used = nl - (char *)p + 1;
      lines++;
    }
    *payload = at; *length = used;
    return used;
  }
  if (left < 2) return 0;
  size_t h = 2, n = p[1];
  if (n == 126) { if (left < 4) return 0; n = (size_t)p[2] << 8 | p[3]; h = 4; }
  else if (n == 127) { if (left < 10) return 0; n = 0; for (int i = 2; i < 10; i++) n = n << 8 | p[i]; h = 10; }
  if (p[0] != 0x81 && p[0] != 0x82) { fprintf(stderr, "unexpected frame %02x\n", p[0]); exit(1); }
  *payload = at + h; *length = n;
  return left < h + n ? 0 : h + n;
}

static void readable(struct connection *c) {
  ssize_t n = read(c->fd, c->in + c->in_used, IN_SIZE - c->in_used);
  if (n == 0) { fprintf(stderr, "the server closed the connection\n"); exit(1); }
  if (n < 0) { if (errno == EAGAIN) return; die("read"); }
  c->in_used += n;
  uint64_t now = now_ns();
  size_t at = 0, payload, length, whole;
  while ((whole = next_reply(c, at, &payload, &length))) {
    answered(c, c->in + payload, length, now);
    at += whole;
  }
  memmove(c->in, c->in + at, c->in_used - at);
  c->in_used -= at;
}

static int dial(const char *where) {
  int fd;
  if (!strncmp(where, "tcp:", 4)) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(where + 4)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  } else {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", where);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
  }
  return fd;
}

static void open_connection(struct connection *c, int index, const char *where) {
  c->index = index;
  c->fd = dial(where);
  c->in = malloc(IN_SIZE);
  c->out_size = 1 << 16;
  c->out = malloc(c->out_size);
  c->lanes = calloc(depth, sizeof *c->lanes);
  c->fifo = calloc(LANES_MAX, sizeof *c->fifo);
  c->idle = calloc(depth, sizeof *c->idle);
  for (int i = 0; i < depth; i++) c->lanes[i].tokens = calloc(batch, TOKEN_MAX);
  if (protocol == SESSIOND || protocol == ECHO) {
    const char *hello = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sessiond.v1\r\n\r\n";
    char answer[4096];
    size_t used = 0;
    if (write(c->fd, hello, strlen(hello)) < 0) die("write");
    while (used < sizeof answer - 1) {
      ssize_t n = read(c->fd, answer + used, 1);
      if (n <= 0) die("handshake");
      used += n;
      if (used >= 4 && !memcmp(answer + used - 4, "\r\n\r\n", 4)) break;
    }
    answer[used] = 0;
    if (!strstr(answer, " 101 ")) { fprintf(stderr, "handshake refused: %s\n", answer); exit(1); }
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

int main(int argc, char **argv) {
  if (argc != 10) { fprintf(stderr, "usage: load SOCKET PROTOCOL CONNECTIONS DEPTH BATCH SECONDS WARMUP RATE APPLICATIONS\n"); return 2; }
  const char *names[] = {"sessiond", "echo", "raw", "redis"};
  int known = 0;
  for (int i = 0; i < 4; i++) if (!strcmp(argv[2], names[i])) { protocol = i; known = 1; }
  connections = atoi(argv[3]); depth = atoi(argv[4]); batch = atoi(argv[5]);
  double seconds = atof(argv[6]), warmup = atof(argv[7]);
  rate = atof(argv[8]);
  applications = atoi(argv[9]);
  redis_sha = getenv("REDIS_SHA");
  if (!known || connections < 1 || depth < 1 || depth > LANES_MAX || batch < 1) { fprintf(stderr, "bad arguments\n"); return 2; }
  struct connection *all = calloc(connections, sizeof *all);
  int epoll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    open_connection(&all[i], i, argv[1]);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &e);
  }
  uint64_t start = now_ns(), begin = start + (uint64_t)(warmup * 1e9), end = begin + (uint64_t)(seconds * 1e9);
  double next_call = (double)start;
  uint64_t late = 0;
  int turn = 0;
  for (int i = 0; i < connections; i++) {
    for (int j = 0; j < depth; j++) {
      if (rate > 0) all[i].idle[all[i].idle_count++] = j;
      else send_lane(&all[i], j, start);
    }
    flush(&all[i]);
  }
  struct epoll_event events[1024];
  srand48(1);
  for (;;) {
    uint64_t now = now_ns();
    if (now >= end) break;
    if (!measuring && now >= begin) measuring = 1;
    while (rate > 0 && next_call <= (double)now) {
      struct connection *c = NULL;
      for (int i = 0; i < connections && !c; i++) {
        struct connection *candidate = &all[turn++ % connections];
        if (candidate->idle_count) c = candidate;
      }
      if (!c) { late++; break; } /* every lane is busy; the call waits, and its clock runs */
      send_lane(c, c->idle[--c->idle_count], (uint64_t)next_call);
      flush(c);
      next_call += -log(1 - drand48()) / rate * 1e9;
    }
    /* In the open loop it spins: a sleep would be measured as latency. */
    int n = epoll_wait(epoll, events, 1024, rate > 0 ? 0 : 100);
    for (int i = 0; i < n; i++) readable(events[i].data.ptr);
    for (int i = 0; i < n; i++) flush(events[i].data.ptr);
  }
  printf("{\"opsPerSecond\":%.0f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"samples\":%lu,\"granted\":%lu,\"denied\":%lu,\"operations\":%lu,\"late\":%lu}\n",
         operations / seconds, percentile(50), percentile(99), percentile(99.9), slowest / 1000.0, samples, granted, denied, operations, late);
  return 0;
}
