/* Does nothing: what is seen of it is its C library's start and end. */
int main(void)
{
	return 0;
}
