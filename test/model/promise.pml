/*
 * Revoke against acquire against what is in flight: one credential that is revoked (seq 1), resumed (2) and revoked again (3), one sidecar, and a
 * network that holds bytes as long as it likes. FIFO on the stream; answers to Acquire race it.
 *
 * Promises, asserted where they could break:
 *   use     a lease whose liveness was read before revocation r is not used later than commit[r] + MAX, nor once r was applied
 *   stream  what was sent with it does not go on later than commit[r] + MAX + GRACE, nor once r was applied
 *
 * Errors to be found, one -D each:
 *   HEARTBEAT   freshness counts from the arrival of a head that the broker sends by itself
 *   NOTOMB      a late answer is kept though a revocation overtook it
 *   HEADLAST    the broker reads the head after the parents
 *   NOCUT       a revocation leaves running what streams
 *
 * Whole, in half a minute: spin -a promise.pml && gcc -O2 -DSAFETY -DHC4 -o pan pan.c && ./pan -m2000000 -w24
 */
#define MAX 1
#define GRACE 1
#define T 3

byte clk = 0;
byte head = 0;             /* newest seq of the log */
bool live = true;          /* what the parents say */
byte commit[4];

byte sent = 0;             /* newest event put on the stream */
chan up = [1] of { byte };                /* a ping, by the time when it was sent */
chan down = [1] of { byte, byte };        /* 0, seq: an event; 1, time: a pong */
chan asked = [1] of { bit };
chan answered = [1] of { byte, byte };    /* issued_at_seq; for the proof alone: the head when liveness was read */

byte cursor = 0;           /* applied */
bool proved = false;
byte fresh = 0;            /* when the ping was sent that proved it */
byte tomb = 0;             /* newest revocation applied */
bool have = false;
byte issued = 0;
byte born = 0;
bool streams = false;      /* something is in flight, sent under this lease: */
byte streamIssued = 0;
byte streamBorn = 0;
byte asks = 0;

#define LATE(r, b, ms) (head >= r && b < r && clk > commit[r] + ms)
#define APPLIED(r, b) (cursor >= r && b < r)

active proctype time() {
  do
  :: atomic { clk < T -> clk++ }
  :: clk == T -> break
  od
}

active proctype operator_() {
  atomic { head = 1; live = false; commit[1] = clk };
  atomic { head = 2; live = true };
  atomic { head = 3; live = false; commit[3] = clk }
}

/* The stream: events in order; a ping is answered with a head read after it came in, behind every event up to that head. */
active proctype stream_() {
  byte at, upTo;
end:
  do
  :: atomic { sent < head -> sent++; down!0,sent }
#ifdef HEARTBEAT
  :: atomic { sent == head -> down!1,0 }
#else
  :: up?at -> upTo = head;
     do
     :: atomic { sent < upTo -> sent++; down!0,sent }
     :: sent >= upTo -> break
     od;
     atomic { down!1,at; at = 0; upTo = 0 }
#endif
  od
}

/* Acquire: the head first, then the parents, then the answer, with anything in between. */
active proctype acquire() {
  byte at, liveAt;
  bool isLive;
end:
  do
  :: asked?_ ->
#ifdef HEADLAST
     atomic { isLive = live; liveAt = head };
     at = head;
#else
     at = head;
     atomic { isLive = live; liveAt = head };
#endif
     if
     :: isLive -> answered!at,liveAt
     :: else -> skip
     fi;
     atomic { at = 0; liveAt = 0; isLive = false }
  od
}

active proctype sidecar() {
  byte kind, n, b;
end:
  do
  /* an event or a pong */
  :: atomic { down?kind,n ->
       if
       :: kind == 0 -> cursor = n;
          if
          :: n != 2 -> tomb = n;
             if :: have && issued < n -> have = false; issued = 0; born = 0 :: else fi;
#ifndef NOCUT
             if :: streams && streamIssued < n -> streams = false; streamIssued = 0; streamBorn = 0 :: else fi
#endif
          :: else
          fi
       :: else -> proved = true;
#ifdef HEARTBEAT
          fresh = clk
#else
          if :: n > fresh -> fresh = n :: else fi
#endif
       fi;
       kind = 0; n = 0 }
  /* an answer */
  :: atomic { answered?n,b ->
       if
#ifndef NOTOMB
       :: n < tomb -> skip
#endif
       :: else -> have = true; issued = n; born = b
       fi;
       n = 0; b = 0 }
  :: atomic { !have && asks < 2 && nfull(asked) -> asks++; asked!0 }
#ifndef HEARTBEAT
  :: atomic { nfull(up) && clk < T -> up!clk }
#endif
  /* use: the last gate and the write are one */
  :: atomic { have && proved && clk < fresh + MAX && !streams ->
       assert(!LATE(1, born, MAX) && !LATE(3, born, MAX));
       assert(!APPLIED(1, born) && !APPLIED(3, born));
       streams = true; streamIssued = issued; streamBorn = born }
  /* the stream goes on, until out of step for longer than its grace */
  :: d_step { streams && clk < fresh + MAX + GRACE ->
       assert(!LATE(1, streamBorn, MAX + GRACE) && !LATE(3, streamBorn, MAX + GRACE));
       assert(!APPLIED(1, streamBorn) && !APPLIED(3, streamBorn)) }
  /* it ends by itself, or by its grace */
  :: d_step { streams -> streams = false; streamIssued = 0; streamBorn = 0 }
  od
}
