package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/regions"
)

func newAccountCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "account",
		Short: "Create accounts and change their roles",
		Long: `Creates accounts, and grants and revokes their roles: shopper, seller, operator, finance,
admin. Use it to make the first admin; admins can make others through the API.

The secret comes from the environment: MERIDIAN_SECRET, the same as the pods'.`,
	}
	command.AddCommand(newAccountCreateCommand(), newAccountGrantCommand(), newAccountRevokeCommand())
	return command
}

// accountFlags are the flags of every command on accounts.
type accountFlags struct{ databaseFlags }

// withAccounts runs do on the shop's accounts.
func (f *accountFlags) withAccounts(c *cobra.Command, do func(*account.Accounts, *regions.Set) error) error {
	if err := f.check(); err != nil {
		return err
	}
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("MERIDIAN_SECRET"))
	if err != nil || len(secret) == 0 {
		return usageError{errors.New("MERIDIAN_SECRET is not set, or not base64: give what the shop's pods have")}
	}
	db, set, err := f.open(c, database.Config{MaxConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	accounts, err := account.New(account.Config{DB: db, Regions: set, Secret: secret})
	if err != nil {
		return usageError{err}
	}
	return do(accounts, set)
}

func newAccountCreateCommand() *cobra.Command {
	var flags accountFlags
	var name, country, passwordFile string
	command := &cobra.Command{
		Use:   "create EMAIL",
		Short: "Create an account; its password is read from standard input or a file",
		Example: `  meridian account create ops@example.com --name "Night shift" --country IE < password.txt
  meridian account create ops@example.com --name "Night shift" --country IE --password-file /run/secrets/ops`,
		Args: oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return flags.withAccounts(c, func(accounts *account.Accounts, set *regions.Set) error {
				password, err := readPassword(c.InOrStdin(), c.ErrOrStderr(), passwordFile)
				if err != nil {
					return err
				}
				session, err := accounts.Register(c.Context(), account.RegisterInput{
					Email: args[0], Password: password, Name: name, Country: country,
				})
				if err != nil {
					return fmt.Errorf("create an account: %w", err)
				}
				return printAccount(c, set, session.Account)
			})
		},
	}
	flags.register(command)
	command.Flags().StringVar(&name, "name", "", "name of the account's owner")
	command.Flags().StringVar(&country, "country", "", "ISO 3166-1 alpha-2 code; it decides the home region")
	command.Flags().StringVar(&passwordFile, "password-file", "", "file whose first line is the password; without it standard input")
	return command
}

func newAccountGrantCommand() *cobra.Command {
	var flags accountFlags
	var role, seller string
	command := &cobra.Command{
		Use:   "grant EMAIL",
		Short: "Give an account a role",
		Example: `  meridian account grant ops@example.com --role admin
  meridian account grant shop@example.com --role seller --seller slr_aaaaaaaaaaaaaaaaaaaaaaaaaa`,
		Args: oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			sellerID := uuid.Nil
			if seller != "" {
				var err error
				if sellerID, err = regions.ParseGlobalID(regions.SellerPrefix, seller); err != nil {
					return usageError{fmt.Errorf("--seller: %w", err)}
				}
			}
			return flags.change(c, args[0], func(accounts *account.Accounts, ref regions.Ref) (account.Account, error) {
				return accounts.Grant(c.Context(), ref, role, sellerID)
			})
		},
	}
	flags.register(command)
	roleFlag(command, &role)
	command.Flags().StringVar(&seller, "seller", "", "seller it acts for, with the role seller")
	return command
}

func newAccountRevokeCommand() *cobra.Command {
	var flags accountFlags
	var role string
	command := &cobra.Command{
		Use:     "revoke EMAIL",
		Short:   "Take a role from an account; its access tokens keep it for ten minutes at most",
		Example: `  meridian account revoke ops@example.com --role admin`,
		Args:    oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			return flags.change(c, args[0], func(accounts *account.Accounts, ref regions.Ref) (account.Account, error) {
				return accounts.Revoke(c.Context(), ref, role)
			})
		},
	}
	flags.register(command)
	roleFlag(command, &role)
	return command
}

func roleFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "role", "", strings.Join(account.Roles()[1:], ", "))
	// The flag is the command's own: it exists.
	_ = c.MarkFlagRequired("role")
}

// change finds the account of an e-mail address, changes its roles, and prints what they are then.
func (f *accountFlags) change(c *cobra.Command, email string,
	change func(*account.Accounts, regions.Ref) (account.Account, error)) error {
	return f.withAccounts(c, func(accounts *account.Accounts, set *regions.Set) error {
		found, err := accounts.FindByEmail(c.Context(), email)
		if err != nil {
			return fmt.Errorf("find the account: %w", err)
		}
		changed, err := change(accounts, found.Ref)
		if err != nil {
			return fmt.Errorf("change the roles: %w", err)
		}
		return printAccount(c, set, changed)
	})
}

// printAccount prints the account's id and roles, and nothing of the person.
func printAccount(c *cobra.Command, set *regions.Set, a account.Account) error {
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s is %s.\n", set.FormatID(regions.AccountPrefix, a.Ref), strings.Join(a.Roles, ", "))
	return err
}

// maxPasswordFileBytes bounds what is read for a password.
const maxPasswordFileBytes = 4096

// readPassword reads the first line of the file, else of standard input: without echo where that is a terminal.
func readPassword(in io.Reader, prompt io.Writer, file string) (string, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		defer f.Close()
		in = f
	}
	if terminal, ok := in.(*os.File); ok && term.IsTerminal(int(terminal.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		password, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(prompt)
		return string(password), err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPasswordFileBytes))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
