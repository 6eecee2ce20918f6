"""`python -m deploy.cli`, which is how the embedded stack starts its workers."""

from deploy.cli import main

if __name__ == "__main__":
    main()
