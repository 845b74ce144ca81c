/*
 * inject_check on x86_64: all registers, the red zone, flags, the vector and x87 state. Included
 * once by inject_check.c, which says what self, draw() and same() are.
 */
/* Offsets are known to the assembly. */
struct state {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15; /* 0 */
	uint64_t flags;                                                                   /* 120 */
	uint64_t red[16];                                                                 /* 128 */
	uint8_t ymm[16][32];                                                              /* 256 */
	uint8_t fx[512];                                                                  /* 768 */
	uint64_t avx;                                                                     /* 1280 */
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct state, red) == 128 && offsetof(struct state, ymm) == 256 &&
		       offsetof(struct state, fx) == 768 && offsetof(struct state, avx) == 1280,
	       "the assembly says so");

/* Loads the state, makes the call in it, stores the state that it finds then. */
void checked_call(const struct state *in, struct state *out);
extern const char checked_call_return[];

__asm__(".text\n"
	".globl checked_call, checked_call_return\n"
	".type checked_call, @function\n"
	"checked_call:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	push %rsi\n"
	"	movq 1280(%rdi), %rax; movq %rax, 1280(%rsi)\n"
	"	fxrstor64 768(%rdi)\n"
	"	cmpq $0, 1280(%rdi)\n"
	"	je 1f\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	vmovdqu 256+32*\\n(%rdi), %ymm\\n\n"
	"	.endr\n"
	"1:	pushq 120(%rdi)\n"
	"	popfq\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	movq 128+8*\\n(%rdi), %rax\n"
	"	movq %rax, -128+8*\\n(%rsp)\n"
	"	.endr\n"
	"	movq 0(%rdi), %rax; movq 8(%rdi), %rbx; movq 24(%rdi), %rdx; movq 32(%rdi), %rsi\n"
	"	movq 48(%rdi), %rbp; movq 56(%rdi), %r8; movq 64(%rdi), %r9; movq 72(%rdi), %r10\n"
	"	movq 88(%rdi), %r12; movq 96(%rdi), %r13; movq 104(%rdi), %r14; movq 112(%rdi), "
	"%r15\n"
	"	movq 40(%rdi), %rdi\n"
	"	syscall\n"
	"checked_call_return:\n"
	"	xchgq %rcx, (%rsp)\n"
	"	movq %rax, 0(%rcx); movq %rbx, 8(%rcx); movq %rdx, 24(%rcx); movq %rsi, 32(%rcx)\n"
	"	movq %rdi, 40(%rcx); movq %rbp, 48(%rcx); movq %r8, 56(%rcx); movq %r9, 64(%rcx)\n"
	"	movq %r10, 72(%rcx); movq %r11, 80(%rcx); movq %r12, 88(%rcx); movq %r13, "
	"96(%rcx)\n"
	"	movq %r14, 104(%rcx); movq %r15, 112(%rcx)\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	movq -128+8*\\n(%rsp), %rax\n"
	"	movq %rax, 128+8*\\n(%rcx)\n"
	"	.endr\n"
	"	pushfq\n"
	"	popq 120(%rcx)\n"
	"	cld\n"
	"	popq 16(%rcx)\n"
	"	fxsave64 768(%rcx)\n"
	"	cmpq $0, 1280(%rcx)\n"
	"	je 2f\n"
	"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"	vmovdqu %ymm\\n, 256+32*\\n(%rcx)\n"
	"	.endr\n"
	"	vzeroupper\n"
	"2:	fninit\n"
	"	pushq $0x1f80\n"
	"	ldmxcsr (%rsp)\n"
	"	popq %rax\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".size checked_call, .-checked_call\n");

/* As libc has it after fninit, but for random contents and rounding that differ from the usual. */
static void fill(struct state *in, long nr, const int64_t args[6])
{
	for (size_t i = 0; i < offsetof(struct state, fx) / 8; i++)
		((uint64_t *)in)[i] = draw(&self->random);
	memset(in->fx, 0, sizeof in->fx);
	uint16_t control = (uint16_t)(0x037f | (draw(&self->random) & 0x0c00));
	uint32_t mxcsr = 0x1f80 | (draw(&self->random) & 0x6000);
	memcpy(in->fx, &control, 2);
	in->fx[4] = 0xff; /* tags: all eight are in use */
	memcpy(in->fx + 24, &mxcsr, 4);
	for (int i = 0; i < 8; i++) {
		uint64_t mantissa = draw(&self->random) | 1ULL << 63;
		memcpy(in->fx + 32 + 16 * i, &mantissa, 8);
		memcpy(in->fx + 40 + 16 * i, "\xff\x3f", 2);
	}
	for (int i = 0; i < 16; i++)
		memcpy(in->fx + 160 + 16 * i, in->ymm[i], 16);
	in->avx = __builtin_cpu_supports("avx");
	in->flags = 0x202 | (in->flags & 0xcd5); /* interrupts on; any of CF PF AF ZF SF DF OF */
	in->rax = (uint64_t)nr;
	in->rdi = (uint64_t)args[0];
	in->rsi = (uint64_t)args[1];
	in->rdx = (uint64_t)args[2];
	in->r10 = (uint64_t)args[3];
	in->r8 = (uint64_t)args[4];
	in->r9 = (uint64_t)args[5];
}

static void compare(const struct state *in, const struct state *out)
{
	static const struct {
		const char *name;
		size_t offset;
	} registers[] = {
#define REGISTER(name) { #name, offsetof(struct state, name) }
		REGISTER(rbx), REGISTER(rdx), REGISTER(rsi), REGISTER(rdi),
		REGISTER(rbp), REGISTER(r8),  REGISTER(r9),  REGISTER(r10),
		REGISTER(r12), REGISTER(r13), REGISTER(r14), REGISTER(r15),
	};

	for (size_t i = 0; i < sizeof registers / sizeof *registers; i++)
		same(registers[i].name, *(int64_t *)((char *)out + registers[i].offset),
		     *(int64_t *)((char *)in + registers[i].offset));
	/* what the instruction itself leaves there */
	same("rcx", (int64_t)out->rcx, (int64_t)checked_call_return);
	same("r11", out->r11 & 0xed5, in->flags & 0xed5);
	same("flags", out->flags & 0xed5, in->flags & 0xed5);
	same("red zone", memcmp(in->red, out->red, sizeof in->red), 0);
	same("x87 control word", memcmp(in->fx, out->fx, 2), 0);
	same("x87 tags", out->fx[4], in->fx[4]);
	same("mxcsr", *(int32_t *)(out->fx + 24), *(int32_t *)(in->fx + 24));
	for (int i = 0; i < 8; i++)
		same("x87 register", memcmp(in->fx + 32 + 16 * i, out->fx + 32 + 16 * i, 10), 0);
	same("xmm", memcmp(in->fx + 160, out->fx + 160, 256), 0);
	if (in->avx)
		same("ymm", memcmp(in->ymm, out->ymm, sizeof in->ymm), 0);
}

static int64_t result_of(const struct state *out)
{
	return (int64_t)out->rax;
}

/* What a handler may well do, and the kernel puts right behind it. */
static void spoil_vectors(void)
{
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm7; fninit" ::
				 : "xmm0", "xmm7");
}
