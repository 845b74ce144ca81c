/*
 * inject_check on aarch64: all registers, flags, the vector registers with their control and
 * status. There is no red zone, and of SVE state a call keeps nothing but these
 * (Documentation/arm64/sve.rst). Included once by inject_check.c, which says what self, draw() and
 * same() are.
 */
/* Offsets are known to the assembly. */
struct state {
	uint64_t x[31];     /* 0 */
	uint64_t flags;     /* 248 */
	uint64_t sp;        /* 256 */
	uint64_t fpcr;      /* 264 */
	uint64_t fpsr;      /* 272 */
	uint64_t tpidr;     /* 280 */
	uint8_t v[32][16];  /* 288 */
	uint64_t wanted_sp; /* 800: of the state that is found */
} __attribute__((aligned(16)));
_Static_assert(offsetof(struct state, flags) == 248 && offsetof(struct state, sp) == 256 &&
		       offsetof(struct state, fpcr) == 264 &&
		       offsetof(struct state, tpidr) == 280 && offsetof(struct state, v) == 288 &&
		       offsetof(struct state, wanted_sp) == 800,
	       "the assembly says so");

/* Loads the state, makes the call in it, stores the state that it finds then. */
void checked_call(const struct state *in, struct state *out);

__asm__(".text\n"
	".globl checked_call\n"
	".type checked_call, %function\n"
	"checked_call:\n"
	"	stp x29, x30, [sp, #-176]!\n"
	"	stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]\n"
	"	stp x25, x26, [sp, #64]; stp x27, x28, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]\n"
	"	mrs x9, fpcr\n"
	"	str x9, [sp, #160]\n"
	"	stp x1, xzr, [sp, #-16]!\n"
	"	mov x9, sp\n"
	"	str x9, [x1, #800]\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,"
	"28,29,30,31\n"
	"	ldr q\\n, [x0, #288+16*\\n]\n"
	"	.endr\n"
	"	ldr x9, [x0, #264]; msr fpcr, x9\n"
	"	ldr x9, [x0, #272]; msr fpsr, x9\n"
	"	ldr x9, [x0, #248]; msr nzcv, x9\n"
	"	.irp n,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,"
	"29,30,0\n"
	"	ldr x\\n, [x0, #8*\\n]\n"
	"	.endr\n"
	"	svc #0\n"
	"	str x1, [sp, #8]\n"
	"	ldr x1, [sp]\n"
	"	.irp n,0,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,"
	"29,30\n"
	"	str x\\n, [x1, #8*\\n]\n"
	"	.endr\n"
	"	ldr x9, [sp, #8]; str x9, [x1, #8]\n"
	"	mov x9, sp; str x9, [x1, #256]\n"
	"	mrs x9, nzcv; str x9, [x1, #248]\n"
	"	mrs x9, fpcr; str x9, [x1, #264]\n"
	"	mrs x9, fpsr; str x9, [x1, #272]\n"
	"	mrs x9, tpidr_el0; str x9, [x1, #280]\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,"
	"28,29,30,31\n"
	"	str q\\n, [x1, #288+16*\\n]\n"
	"	.endr\n"
	"	add sp, sp, #16\n"
	"	ldr x9, [sp, #160]; msr fpcr, x9\n"
	"	msr fpsr, xzr\n"
	"	ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32]; ldp x23, x24, [sp, #48]\n"
	"	ldp x25, x26, [sp, #64]; ldp x27, x28, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]; ldp d14, d15, [sp, #144]\n"
	"	ldp x29, x30, [sp], #176\n"
	"	ret\n"
	".size checked_call, .-checked_call\n");

/* Random contents, and rounding, flushing and exception flags that differ from the usual. */
static void fill(struct state *in, long nr, const int64_t args[6])
{
	for (size_t i = 0; i < sizeof *in / 8; i++)
		((uint64_t *)in)[i] = draw(&self->random);
	in->flags &= 0xf0000000; /* N Z C V */
	in->fpcr &= 0x03c00000;  /* DN FZ RMode */
	in->fpsr &= 0x0800009f;  /* QC IDC IXC UFC OFC DZC IOC */
	in->tpidr = (uint64_t)__builtin_thread_pointer();
	in->x[8] = (uint64_t)nr;
	for (int i = 0; i < 6; i++)
		in->x[i] = (uint64_t)args[i];
}

static void compare(const struct state *in, const struct state *out)
{
	char name[8];

	for (int i = 1; i < 31; i++) {
		/* of a sleep that a stop interrupted: setup_restart_syscall() */
		if (i == 8 && in->x[8] == SYS_nanosleep && out->x[8] == SYS_restart_syscall)
			continue;
		if (out->x[i] != in->x[i]) {
			snprintf(name, sizeof name, "x%d", i);
			same(name, (int64_t)out->x[i], (int64_t)in->x[i]);
		}
	}
	same("flags", (int64_t)out->flags, (int64_t)in->flags);
	same("sp", (int64_t)out->sp, (int64_t)out->wanted_sp);
	same("fpcr", (int64_t)out->fpcr, (int64_t)in->fpcr);
	same("fpsr", (int64_t)out->fpsr, (int64_t)in->fpsr);
	same("thread pointer", (int64_t)out->tpidr, (int64_t)in->tpidr);
	for (int i = 0; i < 32; i++)
		same("vector register", memcmp(in->v[i], out->v[i], 16), 0);
}

static int64_t result_of(const struct state *out)
{
	return (int64_t)out->x[0];
}

/* What a handler may well do, and the kernel puts right behind it. */
static void spoil_vectors(void)
{
	__asm__ volatile("movi v0.16b, #255; movi v31.16b, #255; msr fpsr, xzr" ::: "v0", "v31");
}
