/* SPDX-License-Identifier: MIT
 *
 * The almost-lock-free stack of stack_almost.h as a model for spin; stack_almost_model_test.sh runs it. A step
 * is one access to shared memory, with what the thread does on its own before the next. Sequentially
 * consistent: it shows the algorithm, not what the memory orders make of it.
 *
 * Three threads pop, and push what they hold, in any order: FIRST, SECOND and THIRD operations, or without end
 * (ENDLESS). ON_LIST nodes are on the list at first; of the others, NODES in all, each thread has one while
 * there are some. PADS: a push needs at most one more than there are entries, 3; AO_N_BITS of 2 gives 4.
 *
 * Safety: at every change of the head, hence at the end too, each node is on the list or in one hand, once.
 *
 * Progress: STOPS threads may stop for good before any access of a pop. Formulation: there is no cycle of
 * states (no non-progress cycle, and no label "progress" anywhere) under weak fairness, and no invalid end
 * state. Why that proves it: operations are counted, so a cycle is one in which nobody begins or ends any. A
 * thread that is neither stopped nor done always has a step to take: it waits by looping, as the code does.
 * So fairness means that each of them takes steps for ever, and an execution without a cycle of that kind
 * ends, with all of them done. Without fairness, one that is merely not scheduled would count as stopped.
 *
 * Mutations, to show that errors would be found: NO_LOOK (push 2), NO_REREAD (pop 3), NO_SECOND_LOOK (push 2
 * after an exchange that was lost). Of the last two, only both together lose nodes.
 */
#ifndef NODES
#    define NODES 3
#endif
#ifndef ON_LIST
#    define ON_LIST 2
#endif
#ifndef PADS
#    define PADS 4
#endif
#ifndef STOPS
#    define STOPS 0
#endif
#ifdef ENDLESS
#    define FIRST    1
#    define SECOND   1
#    define THIRD    1
#    define ONE_LESS skip
#else
#    define ONE_LESS left--
#endif
#define THREADS 3

#define PADDED(node, pad) ((node) * PADS + (pad))
#define NODE(padded)      ((padded) / PADS)
#define BIT(node)         (1 << ((node) - 1))

byte head, link[NODES + 1], entry[2];
byte hand[THREADS]; /* ghost: the nodes that a thread owns, a bit each */
byte stopped;
hidden byte at, seen; /* of check() only */

inline check() {
    at = NODE(head);
    seen = 0;
    do
    :: at != 0 ->
        assert((seen & BIT(at)) == 0); /* a ring */
        seen = seen | BIT(at);
        at = NODE(link[at])
    :: else -> break
    od;
    at = 0;
    assert((seen & (hand[0] | hand[1] | hand[2])) == 0); /* on the list and in a hand */
    assert((seen | hand[0] | hand[1] | hand[2]) == BIT(NODES + 1) - 1) /* lost */
}

/* Variables go back to 0 when they mean nothing any more: fewer states. To be stopped for good is one
 * more thing that can happen before any access of a pop. */
#define MAY_STOP stopped < STOPS -> stopped++; f = 0; n = 0; e = 0; goto end_stopped

proctype thread(byte me; byte left) {
    byte x, h, pad; /* of a push: the node, the head that it has seen, the pad */
    byte f, n, e;   /* of a pop: the head that it relies on (0 once popped), its link, the entry's number */
    bool listed;
#ifdef NO_SECOND_LOOK
    bool looked;
#endif

next: /* what to do is chosen together with the first access, which makes fewer states */
    if
    :: atomic { left > 0 && head == 0 -> ONE_LESS; goto next } /* a pop that finds nothing */
    :: atomic { left > 0 && head != 0 -> ONE_LESS; f = head; goto pop_2 }
    :: atomic { left > 0 && hand[me] != 0 -> ONE_LESS;
            if /* any that it holds */
            :: hand[me] & BIT(1) -> x = 1
            :: hand[me] & BIT(2) -> x = 2
            :: hand[me] & BIT(3) -> x = 3
            fi;
            h = head;
            goto push_1b }
    :: left == 0 -> goto done
    fi;

push_1:
    h = head;
push_1b:
    link[x] = h;
#ifndef NO_LOOK
#    ifdef NO_SECOND_LOOK
    if
    :: looked -> goto push_3
    :: else
    fi;
#    endif
    listed = (entry[0] == PADDED(x, pad));
    atomic {
        if
        :: listed || entry[1] == PADDED(x, pad) -> listed = false; pad = (pad + 1) % PADS; h = 0; goto push_1
        :: else
        fi
    }
#endif
push_3:
    atomic {
        if
        :: head == h ->
            d_step {
                head = PADDED(x, pad);
                hand[me] = hand[me] - BIT(x);
                check();
                x = 0; h = 0; pad = 0;
#ifdef NO_SECOND_LOOK
                looked = false
#endif
            }
            goto next
        :: else ->
            h = 0;
#ifdef NO_SECOND_LOOK
            looked = true;
#endif
            goto push_1
        fi
    }

pop_1:
    atomic {
        if
        :: MAY_STOP
        :: f = head;
            if
            :: f == 0 -> goto next
            :: else
            fi
        fi
    }
pop_2:
    if
    :: atomic { MAY_STOP }
    :: atomic { entry[0] == 0 -> entry[0] = f; goto pop_3 }
    :: entry[0] != 0
    fi;
    if
    :: atomic { MAY_STOP }
    :: atomic { entry[1] == 0 -> entry[1] = f; e = 1; goto pop_3 }
    :: atomic { entry[1] != 0 -> f = 0; goto pop_1 }
    fi;
pop_3:
#ifndef NO_REREAD
    if
    :: atomic { MAY_STOP }
    :: head == f
    :: atomic { head != f -> goto pop_6 }
    fi;
#endif
pop_4:
    if
    :: atomic { MAY_STOP }
    :: n = link[NODE(f)]
    fi;
pop_5:
    if
    :: atomic { MAY_STOP }
    :: d_step { head == f ->
            head = n;
            assert(((hand[0] | hand[1] | hand[2]) & BIT(NODE(f))) == 0); /* handed out twice */
            hand[me] = hand[me] | BIT(NODE(f));
            check();
            f = 0; n = 0 }
    :: atomic { head != f -> n = 0 }
    fi;
pop_6:
    if
    :: atomic { MAY_STOP }
    :: atomic { entry[e] = 0; e = 0;
            if
            :: f == 0 -> goto next
            :: else -> f = 0; goto pop_1
            fi }
    fi;

end_stopped:
    false;
done:
    skip
}

init {
    atomic {
        at = ON_LIST;
        do
        :: at != 0 -> link[at] = head; head = PADDED(at, 0); at--
        :: else -> break
        od;
        at = ON_LIST;
        do
        :: at < NODES -> hand[at - ON_LIST] = BIT(at + 1); at++
        :: else -> break
        od;
        at = 0;
        run thread(0, FIRST);
        run thread(1, SECOND);
        run thread(2, THIRD)
    }
end:
    _nr_pr == 1;
    assert(entry[0] == 0 && entry[1] == 0)
}
